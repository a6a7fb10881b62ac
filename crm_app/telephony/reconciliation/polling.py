"""Polling: while events are missing, the log goes on by the statistics, at most every two minutes.

Nothing pops up then, and a banner says so; it leaves as soon as events come again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from crm_app import clock, database
from crm_app.accounts.models import User
from crm_app.calls.fold.lifecycle import CallState
from crm_app.calls.store.upkeep import TALKS_AT_MOST
from crm_app.extensions import db
from crm_app.jobs.runner import NextStep, Payload
from crm_app.live.screen_updates import after_commit
from crm_app.office.services import opening_hours
from crm_app.telephony import services
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.reconciliation import asking, nightly
from crm_app.telephony.reconciliation.asking import Observed, Wait
from crm_app.telephony.reconciliation.reading import Reading
from crm_app.telephony.setup.health_checks import LONG_SILENCE, last_event_at
from crm_app.telephony.zadarma.errors import ErrorCode, ZadarmaError

EVERY = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Failed:
    """The PBX could not be asked; the next poll asks again."""

    code: str


Fetched = Observed | Reading | Wait | Failed | None


def fetch(payload: Payload) -> Fetched:
    """Do the network's part of a step; None when nothing is to be asked."""
    with database.reading():
        settings = TelephonySettings.current()
        is_on = settings.is_connected and settings.switches.is_on("polling")
        is_clock_known = settings.pbx_offset_seconds is not None
        client = asking.new_client() if is_on and not is_clock_known else None
        db.session.rollback()
    if not is_on:
        return None
    try:
        if client is not None:
            return asking.observe(client)
        return asking.fetch(_reading_of(payload))
    except ZadarmaError as error:
        # Not raised: what fails is tried again after seconds, and the PBX is to be left in peace.
        return Failed(error.code)
    finally:
        if client is not None:
            client.close()


def perform(payload: Payload, fetched: Fetched) -> NextStep | None:
    """Do the database's part of a step; None until the next poll. Does not commit."""
    if fetched is None:
        _note_events(is_lost_since=None)
        return None
    if isinstance(fetched, Failed):
        services.note_answer(fetched.code)
        look_for_events([])
        return None
    if isinstance(fetched, Wait):
        if not fetched.was_asked:
            return NextStep(payload, fetched.how_long)
        services.note_answer(ErrorCode.RATE_LIMITED)
        return NextStep(payload, max(fetched.how_long, EVERY))
    services.note_answer("")
    if isinstance(fetched, Observed):
        asking.note_clock(fetched)
        return NextStep({})
    stored = asking.store(fetched)
    look_for_events(stored.taken.unheard)
    if stored.next is not None:
        return NextStep({"reading": stored.next.to_json()}, nightly.RESTS_FOR)
    return None


def _reading_of(payload: Payload) -> Reading:
    if payload:
        return Reading.from_json(payload["reading"])
    now, connected_at = clock.now(), TelephonySettings.current().connected_at
    # A call is listed by its start, once it is over.
    since = now - TALKS_AT_MOST
    return Reading.of(max(since, connected_at or since), now)


def look_for_events(unheard: Sequence[CallState]) -> None:
    """Note since when events are missing, or that they come again.

    `unheard` are calls that only the statistics have brought.
    """
    settings = TelephonySettings.current()
    ends = [call.ended_at or call.started_at for call in unheard]
    if ends:
        known = settings.call_unheard_at or ends[0]
        TelephonySettings.for_change().call_unheard_at = max(*ends, known)
    if settings.switches.polling != "auto":
        return _note_events(is_lost_since=None)
    last = last_event_at()
    unheard_at = settings.call_unheard_at
    if unheard_at is not None and (last is None or last < unheard_at):
        first = min([call.started_at for call in unheard], default=unheard_at)
        return _note_events(is_lost_since=settings.events_lost_since or first)
    # Such a silence is as good as a call that no event brought.
    if last is not None and _is_silent_for_long(last):
        return _note_events(is_lost_since=settings.events_lost_since or last)
    return _note_events(is_lost_since=None)


def _is_silent_for_long(last: datetime) -> bool:
    hours = opening_hours(asking.config().default_timezone)
    return hours.working_time(last, clock.now()) > LONG_SILENCE


def _note_events(*, is_lost_since: datetime | None) -> None:
    settings = TelephonySettings.current()
    if settings.events_lost_since == is_lost_since:
        return
    TelephonySettings.for_change().events_lost_since = is_lost_since
    # The banner is on every page.
    after_commit(db.session.scalars(select(User.id).where(User.active)).all(), {"telephony": 1})
