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
from crm_app.telephony.models import PhoneState, TelephonySettings
from crm_app.telephony.zadarma.client import ZadarmaClient
from crm_app.telephony.zadarma.errors import ErrorCode, ZadarmaError

# What is older counts as unknown, and what is unknown as not registered.
KNOWN_FOR = timedelta(seconds=60)
# The job runs this often and asks the phones that were asked longest ago. An answer is then at
# most 40 seconds old with up to 40 phones, and half of the account's requests a minute are left.
ASKED_EVERY = timedelta(seconds=20)
MOST_AT_ONCE = 20
_FRESH_FOR = timedelta(seconds=15)
_LONGEST_SECONDS = 15.0
# The API answers that it does not know the extension, or that something is wrong with this one.
_OF_THIS_PHONE = frozenset({ErrorCode.WRONG_REQUEST, ErrorCode.NOT_FOUND, ErrorCode.WRONG_NUMBER})


def due() -> list[str]:
    """List the extensions to ask about now, those that were asked longest ago first."""
    known = {
        state.extension: state.asked_at for state in db.session.scalars(select(PhoneState)).all()
    }
    used = set(db.session.scalars(select(User.extension).where(User.active, User.extension != "")))
    listed = TelephonySettings.current().extensions
    # Where the extensions of the PBX are known, it is not asked about others.
    wanted = [one for one in sorted(filter(None, used)) if not listed or one in listed]
    stale = clock.now() - _FRESH_FOR
    first = datetime.min.replace(tzinfo=stale.tzinfo)
    waiting = [one for one in wanted if known.get(one, first) <= stale]
    return sorted(waiting, key=lambda one: known.get(one, first))[:MOST_AT_ONCE]


def ask(client: ZadarmaClient, extensions: list[str]) -> dict[str, bool]:
    """Ask the PBX whether phones are registered; never inside a transaction.

    When it does not answer, those asked so far are returned; the others get old.
    """
    found: dict[str, bool] = {}
    end = time.monotonic() + _LONGEST_SECONDS
    for extension in extensions:
        if time.monotonic() > end:
            break
        try:
            found[extension] = client.extension_status(extension)
        except ZadarmaError as error:
            if error.code not in _OF_THIS_PHONE:
                break
            found[extension] = False
    return found


def keep(found: Mapping[str, bool]) -> None:
    """Store what the PBX answered; pages that show phones hear of what has changed."""
    now = clock.now()
    has_news = _have_become_unknown(now, found)
    known = {state.extension: state for state in db.session.scalars(select(PhoneState))}
    for extension, is_registered in found.items():
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
