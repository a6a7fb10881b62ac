"""The whole board in a handful of statements, however many calls there are: one truth for all."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.orm import joinedload

from crm_app import clock
from crm_app.accounts import rights
from crm_app.accounts.models import User
from crm_app.accounts.presence.services import Presence, states_of
from crm_app.accounts.rights import Verb
from crm_app.board import phones
from crm_app.board.phones import Part, Phones, Waiting
from crm_app.callbacks import listing
from crm_app.callbacks.listing import CallBackFilter
from crm_app.callbacks.models import CallBack
from crm_app.callbacks.services import MOST_COUNTED
from crm_app.calls.fold.facts import Direction
from crm_app.calls.models import Call
from crm_app.calls.narrowing import office_timezone
from crm_app.extensions import db
from crm_app.local_time import LocalTime
from crm_app.office.services import hours_that_were_set
from crm_app.paging import Page
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.routing.phones import registered

CALL_BACKS_SHOWN = 12
# What counts as due a little before it is, see `callbacks.listing.Row.age`.
_DUE_SOON = timedelta(minutes=5)


class State(StrEnum):
    """What is most worth knowing of a colleague: the first that holds; pages have the values."""

    TALKING = "talking"
    RINGING = "ringing"
    CALLING = "calling"
    AWAY = "away"
    OFF_SHIFT = "off-shift"
    NO_EXTENSION = "no-extension"
    PHONE_OFF = "phone-off"
    PHONE_UNKNOWN = "phone-unknown"
    FREE = "free"


@dataclass(frozen=True, slots=True)
class Person:
    """One colleague; `is_on` is whether their phone is registered, None while nobody knows."""

    user: User
    presence: Presence
    is_on: bool | None
    parts: list[Part]

    @property
    def state(self) -> State:
        """What is most worth knowing: who talks is never shown as free."""
        if self.parts:
            return State(self.parts[0].doing)
        if self.presence.kind == "away":
            return State.AWAY
        if self.presence.kind == "off_shift":
            return State.OFF_SHIFT
        if not self.user.extension:
            return State.NO_EXTENSION
        if self.is_on is None:
            return State.PHONE_UNKNOWN
        return State.FREE if self.is_on else State.PHONE_OFF


@dataclass(frozen=True, slots=True)
class Today:
    """How many calls there were today by the office's clock; `seconds` were talked with clients."""

    day: str
    answered: int
    missed: int
    made: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Board:
    """Everything on the board, as it was at `at`.

    `call_backs` counts up to `MOST_COUNTED`; `rows` are the first of them. `next_at` is when the
    clock alone will change something.
    """

    at: datetime
    people: list[Person]
    others: dict[str, list[Part]]
    waiting: list[Waiting]
    rows: list[listing.Row]
    call_backs: int
    today: Today
    is_connected: bool
    next_at: datetime

    @property
    def has_extensions(self) -> bool:
        """Whether any colleague has a phone."""
        return any(person.user.extension for person in self.people)

    def count(self, *states: State) -> int:
        """Count the colleagues in one of these states."""
        return sum(person.state in states for person in self.people)

    def seconds_since(self, moment: datetime) -> int:
        """Give the seconds from a moment to when the board was read."""
        return max(int((self.at - moment).total_seconds()), 0)

    @property
    def next_in(self) -> int:
        """Give the seconds until the clock alone changes something."""
        return max(int((self.next_at - self.at).total_seconds()) + 1, 1)


def read(viewer: User | None) -> Board:
    """Read the board as somebody may see it; without a viewer no client is named."""
    now = clock.now()
    local = LocalTime.of(office_timezone())
    live = phones.read(viewer, now)
    people = _people(live, now)
    rows = listing.brief(_call_backs(viewer, local).rows, is_named=viewer is not None)
    return Board(
        at=now,
        people=people,
        others=live.others,
        waiting=live.waiting,
        rows=rows,
        call_backs=_count_call_backs(viewer),
        today=_today(viewer, local),
        is_connected=TelephonySettings.current().is_connected,
        next_at=_next(now, people, rows, [live.until, local.day_ends_at, _shift_changes(now)]),
    )


def _people(live: Phones, now: datetime) -> list[Person]:
    users = db.session.scalars(User.enabled().options(joinedload(User.deputy))).all()
    presences, on = states_of(users, now), registered(now)
    return [
        Person(user, presences[user.id], on.get(user.extension or ""), live.parts.get(user.id, []))
        for user in users
    ]


def _shift_changes(now: datetime) -> datetime | None:
    hours = hours_that_were_set(office_timezone())
    return hours.next_change(now) if hours else None


def _call_backs(viewer: User | None, local: LocalTime) -> Page[CallBack]:
    if viewer is not None:
        return listing.page(viewer, CallBackFilter(), local, size=CALL_BACKS_SHOWN)
    due = CallBackFilter.ORDERS["due"]
    everybodys = select(CallBack).where(CallBack.done_at.is_(None))
    people = (
        joinedload(CallBack.taken_by), joinedload(CallBack.lent_to), joinedload(CallBack.owner)
    )  # fmt: skip
    return due.page(everybodys.options(*people), "", CALL_BACKS_SHOWN)


def _count_call_backs(viewer: User | None) -> int:
    may = true() if viewer is None else rights.scope(viewer, CallBack, Verb.VIEW)
    some = select(CallBack.id).where(CallBack.done_at.is_(None), may).limit(MOST_COUNTED)
    return db.session.scalar(select(func.count()).select_from(some.subquery())) or 0


def _today(viewer: User | None, local: LocalTime) -> Today:
    """Count the calls that the viewer finds in the log, as reports count them."""
    may: ColumnElement[bool] = true() if viewer is None else rights.scope(viewer, Call, Verb.VIEW)
    is_inbound, is_outbound = (
        Call.direction == direction for direction in (Direction.INBOUND, Direction.OUTBOUND)
    )
    with_client = Call.has_talk & (Call.direction != Direction.INTERNAL)
    counted = select(
        func.count().filter(is_inbound & Call.has_talk),
        func.count().filter(Call.is_missed),
        func.count().filter(is_outbound),
        func.coalesce(func.sum(Call.talk_seconds).filter(with_client), 0),
    ).where(
        Call.started_at >= local.midnight(local.today),
        Call.started_at < local.day_ends_at,
        Call.is_own_leg.is_(False),
        may,
    )
    answered, missed, made, seconds = db.session.execute(counted).one()
    return Today(local.today.isoformat(), answered, missed, made, seconds or 0)


def _next(
    now: datetime,
    people: Iterable[Person],
    rows: Iterable[listing.Row],
    others: Iterable[datetime | None],
) -> datetime:
    moments = [*others, *(person.presence.until for person in people)]
    for row in rows:
        moments += [row.call_back.due_at - _DUE_SOON, row.call_back.due_at]
    return min(moment for moment in moments if moment is not None and moment > now)
