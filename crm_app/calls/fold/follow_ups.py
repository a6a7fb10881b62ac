"""What follows from a call, decided from what it was before a fact and what it is with it.

A follow-up is written in the transaction of the fact and performed soon after. Facts that arrive
late can contradict a follow-up that was written before them, so the handler of one looks at the
call as it is then.
"""

from dataclasses import dataclass
from enum import StrEnum

from crm_app.calls.fold.lifecycle import CallState

# The last is a talk whose end we never heard.
TALKED = ("talking", "answered", "unfinished")


class FollowUpKind(StrEnum):
    """What is to be done about a call."""

    # A client rang, nobody talked with them, and their number is known.
    CALL_BACK = "call_back"
    # It turned out that it is no such call, after it had looked like one: it was refused.
    NO_CALL_BACK = "no_call_back"
    # Somebody talks with a client, whichever side called.
    TALKED = "talked"


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One thing to do about one call, once."""

    kind: FollowUpKind
    pbx_call_id: str

    @property
    def key(self) -> str:
        """Its name among all that is owed; of the call alone, so that two calls never wait."""
        return f"{self.kind}:{self.pbx_call_id}"

    @property
    def payload(self) -> dict[str, str]:
        """What its handler has to know."""
        return {"call": self.pbx_call_id}


def follow_ups(before: CallState | None, after: CallState) -> list[FollowUp]:
    """What follows from a call now and did not before; `before` is None for a new call."""
    known, now = _of(before) if before else [], _of(after)
    if before is not None and before.deserves_call_back and not now:
        return [FollowUp(FollowUpKind.NO_CALL_BACK, after.pbx_call_id)]
    return [follow_up for follow_up in now if follow_up not in known]


def _of(call: CallState) -> list[FollowUp]:
    if call.deserves_call_back:
        return [FollowUp(FollowUpKind.CALL_BACK, call.pbx_call_id)]
    is_with_client = bool(call.outside_number) and not (call.is_own_leg or call.is_stale)
    if is_with_client and call.status in TALKED:
        return [FollowUp(FollowUpKind.TALKED, call.pbx_call_id)]
    return []
