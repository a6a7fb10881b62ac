"""Which phones are registered: asked of the PBX by the worker, never while a caller waits."""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.extensions import db
from crm_app.live.messages import OFFICE
from crm_app.live.screen_updates import after_commit
from crm_app.telephony.models import LampState, PhoneState, TelephonySettings
from crm_app.telephony.zadarma.client import ZadarmaClient
from crm_app.telephony.zadarma.errors import ErrorCode, ZadarmaError

# What is older counts as unknown, and what is unknown as not registered.
KNOWN_FOR = timedelta(seconds=60)
# The job runs this often and asks the phones that were asked longest ago. An answer is then at
# most 40 seconds old with up to 40 phones, and half of the account's requests a minute are left.
ASKED_EVERY = timedelta(seconds=20)
MOST_AT_ONCE = 20
# With more phones than these, each is unknown part of the time.
MOST_KNOWN = MOST_AT_ONCE * (KNOWN_FOR // ASKED_EVERY)
_FRESH_FOR = timedelta(seconds=15)
_LONGEST_SECONDS = 15.0
# The API answers that it does not know the extension, or that something is wrong with this one.
_OF_THIS_PHONE = frozenset({ErrorCode.WRONG_REQUEST, ErrorCode.NOT_FOUND, ErrorCode.WRONG_NUMBER})
# It answers so whichever phone it is asked about.
_OF_THE_ACCOUNT = frozenset({
    ErrorCode.RATE_LIMITED, ErrorCode.NOT_AUTHORISED, ErrorCode.NO_MONEY,
})  # fmt: skip
# So many phones in a row without an answer are not the phones' fault.
PATIENCE = 3
# The lamp that remembers which phones gave no answer, and whether all did in the last round.
_LAMP = "phones"
_REMEMBERED_FOR = timedelta(hours=1)


def due() -> list[str]:
    """List the extensions to ask about now, those that were asked longest ago first."""
    known = {
        state.extension: state.asked_at for state in db.session.scalars(select(PhoneState)).all()
    }
    # Those without an answer wait for their turn, too: else they would keep others from theirs.
    known |= _silent(db.session.get(LampState, _LAMP))
    stale = clock.now() - _FRESH_FOR
    first = datetime.min.replace(tzinfo=stale.tzinfo)
    waiting = [one for one in wanted() if known.get(one, first) <= stale]
    return sorted(waiting, key=lambda one: known.get(one, first))[:MOST_AT_ONCE]


def wanted() -> list[str]:
    """List the extensions that are asked about at all: those of colleagues."""
    used = set(db.session.scalars(select(User.extension).where(User.active, User.extension != "")))
    listed = TelephonySettings.current().extensions
    # Where the extensions of the PBX are known, it is not asked about others.
    return [one for one in sorted(filter(None, used)) if not listed or one in listed]


def patience() -> int:
    """How many phones in a row may give no answer: only one after a round in which all did."""
    lamp = db.session.get(LampState, _LAMP)
    return 1 if lamp is not None and lamp.state == "bad" else PATIENCE


def ask(
    client: ZadarmaClient, extensions: list[str], patience: int = PATIENCE
) -> dict[str, bool | None]:
    """Ask the PBX whether phones are registered; never inside a transaction.

    None stands for a phone about which it gave no answer. When the PBX itself is in trouble, those
    asked so far are returned; the others get old.
    """
    found: dict[str, bool | None] = {}
    failures, end = 0, time.monotonic() + _LONGEST_SECONDS
    for extension in extensions:
        if failures >= patience or time.monotonic() > end:
            break
        try:
            found[extension] = client.extension_status(extension)
            failures = 0
        except ZadarmaError as error:
            if _is_of_the_pbx(error):
                break
            if error.code in _OF_THIS_PHONE:
                found[extension], failures = False, 0
            else:
                found[extension], failures = None, failures + 1
    return found


def _is_of_the_pbx(error: ZadarmaError) -> bool:
    # An answer of 500 is "unreachable" as well, and may have to do with this phone.
    is_away = error.code is ErrorCode.UNREACHABLE and not error.may_have_happened
    return is_away or error.code in _OF_THE_ACCOUNT


def keep(found: Mapping[str, bool | None]) -> None:
    """Store what the PBX answered; pages that show phones hear of what has changed."""
    now = clock.now()
    _note_silence(now, found)
    answers = {one: answer for one, answer in found.items() if answer is not None}
    has_news = _have_become_unknown(now, answers)
    known = {state.extension: state for state in db.session.scalars(select(PhoneState))}
    for extension, is_registered in answers.items():
        state = known.get(extension)
        if state is None:
            state = PhoneState(extension=extension)
            db.session.add(state)
            has_news = True
        else:
            is_back = state.asked_at <= now - KNOWN_FOR
            has_news |= is_back or state.is_registered != is_registered
        state.is_registered, state.asked_at = is_registered, now
    db.session.flush()
    if has_news:
        after_commit({OFFICE}, {"phones": None})


def _note_silence(now: datetime, found: Mapping[str, bool | None]) -> None:
    """Remember when phones gave no answer, and whether all of a round did."""
    if not found:
        return
    lamp, since = db.session.get(LampState, _LAMP), now - _REMEMBERED_FOR
    silent = {one: at for one, at in _silent(lamp).items() if one not in found and at > since}
    silent |= {one: now for one, answer in found.items() if answer is None}
    if silent or (lamp is not None and lamp.state != "ok"):
        is_nobody = all(answer is None for answer in found.values())
        state = "bad" if is_nobody else "warn" if silent else "ok"
        LampState.put(_LAMP, state, silent={one: at.isoformat() for one, at in silent.items()})


def _silent(lamp: LampState | None) -> dict[str, datetime]:
    """Read when phones last gave no answer."""
    silent = {} if lamp is None else lamp.details.get("silent", {})
    return {one: datetime.fromisoformat(at) for one, at in silent.items()}


def _have_become_unknown(now: datetime, found: Mapping[str, bool]) -> bool:
    """Whether phones that were not asked are unknown since the last run of the job, or the one
    before it.
    """
    old = now - KNOWN_FOR
    asked = select(PhoneState.extension).where(
        PhoneState.asked_at > old - 2 * ASKED_EVERY, PhoneState.asked_at <= old
    )
    return any(extension not in found for extension in db.session.scalars(asked))


def registered(at: datetime | None = None) -> dict[str, bool]:
    """Return what is known of phones at a moment, by extension; unknown ones are missing."""
    since = (at or clock.now()) - KNOWN_FOR
    states = db.session.scalars(select(PhoneState).where(PhoneState.asked_at >= since))
    return {state.extension: state.is_registered for state in states}
