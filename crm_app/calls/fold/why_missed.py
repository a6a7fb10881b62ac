"""Why nobody talked with a client who called, decided from what the facts of the call say."""

from enum import StrEnum

from crm_app.calls.fold.facts import Disposition
from crm_app.calls.fold.lifecycle import CallState


class WhyMissed(StrEnum):
    """What kept a call from being answered; the cure of each is another."""

    BLOCKED = "blocked"
    NO_MONEY = "no_money"
    LIMIT = "limit"
    BUSY = "busy"
    # No phone rang until the scenario was over: none was on.
    NO_PHONE = "no_phone"
    # No phone rang before the caller gave up, in a greeting or a menu.
    EARLY = "early"
    # It rang until the caller gave up, or until the PBX did.
    GAVE_UP = "gave_up"
    NO_ANSWER = "no_answer"
    FAILED = "failed"
    # We never heard how it ended.
    UNKNOWN = "unknown"


_BY_DISPOSITION = {
    Disposition.NO_MONEY: WhyMissed.NO_MONEY,
    Disposition.LIMIT: WhyMissed.LIMIT,
    Disposition.BUSY: WhyMissed.BUSY,
    Disposition.UNFINISHED: WhyMissed.UNKNOWN,
}
_FAILURES = (Disposition.FAILED, Disposition.UNALLOCATED)


def why_missed(call: CallState) -> WhyMissed | None:
    """Say why a call was missed or refused; None for every other call.

    Opening hours are no part of it: they belong to the office, and may be corrected later.
    """
    if call.is_blocked:
        return WhyMissed.BLOCKED
    if not call.is_missed:
        return None
    if call.disposition in _BY_DISPOSITION:
        return _BY_DISPOSITION[call.disposition]
    # Of a call that only the statistics know, nobody heard whether a phone rang.
    rang = not call.was_heard or any(leg.rang_at for leg in call.legs)
    if call.disposition is Disposition.CANCELLED:
        return WhyMissed.GAVE_UP if rang else WhyMissed.EARLY
    if not rang:
        return WhyMissed.NO_PHONE
    return WhyMissed.FAILED if call.disposition in _FAILURES else WhyMissed.NO_ANSWER
