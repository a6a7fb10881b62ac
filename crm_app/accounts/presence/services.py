"""Who is here, away or off shift, and the verbs that change it; the caller commits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, or_, select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.accounts.presence.shifts import shifts
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.journal import services as journal
from crm_app.journal.kinds import RecordKind
from crm_app.journal.values import Column, Reference, difference, snapshot
from crm_app.live.messages import OFFICE
from crm_app.live.screen_updates import after_commit
from crm_app.local_time import is_too_far

KEPT = (Column("away_since"), Column("away_until"), Reference("deputy"))


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether a user is here.

    `until` is when that ends, None when nobody knows. `deputy` stands in for somebody who is away.
    """

    kind: Literal["here", "away", "off_shift"]
    until: datetime | None = None
    deputy: User | None = None


def state_of(user: User, at: datetime | None = None) -> Presence:
    """Say whether a user is here at a moment, by default now.

    An absence counts outside the opening hours, too.
    """
    moment = at or clock.now()
    return _away(user) if is_away_now(user, moment) else _of_shift(moment)


def states_of(users: Iterable[User], at: datetime | None = None) -> dict[int, Presence]:
    """Say of several users, by their ids, whether they are here; the hours are read once.

    Their deputies should be loaded with them.
    """
    moment = at or clock.now()
    usual = _of_shift(moment)
    return {user.id: _away(user) if is_away_now(user, moment) else usual for user in users}


def is_away_now(user: User, at: datetime | None = None) -> bool:
    """Whether a user is away, on shift or not; asks the database nothing."""
    return user.is_away(at or clock.now())


def is_here(user_id: int, at: datetime | None = None) -> bool:
    """Whether a user can sign in, and is neither away nor off shift."""
    user = db.session.get(User, user_id)
    return user is not None and user.active and state_of(user, at).kind == "here"


def is_away(at: datetime, user: type[User] = User) -> ColumnElement[bool]:
    """Return the condition that users are away; who is off shift is not asked.

    `user` is the table of users, or an alias of it.
    """
    return user.away_since.is_not(None) & or_(user.away_until.is_(None), user.away_until > at)


def absent(at: datetime | None = None) -> Sequence[User]:
    """List those who are away, by name."""
    return db.session.scalars(User.enabled().where(is_away(at or clock.now()))).all()


def deputised_by(user: User, at: datetime | None = None) -> list[User]:
    """List those who are away and have this user as their deputy, by name."""
    away = User.enabled().where(User.deputy_id == user.id, is_away(at or clock.now()))
    return list(db.session.scalars(away))


def deputies_of(user: User) -> list[User]:
    """List those who can stand in for a user, by name."""
    return list(db.session.scalars(User.enabled().where(User.id != user.id)))


def go_away(
    user: User, by: User | None, until: datetime | None = None, deputy_id: int | None = None
) -> None:
    """Note that a user is away, until a moment or until they are back.

    Raises InvalidInputError: until_past, until_far on `until`; deputy_self, deputy_unknown on
    `deputy`.
    """
    now = clock.now()
    if until is not None and until <= now:
        raise InvalidInputError("until_past", "until")
    if until is not None and is_too_far(until):
        raise InvalidInputError("until_far", "until")
    if deputy_id == user.id:
        raise InvalidInputError("deputy_self", "deputy")
    deputy = db.session.get(User, deputy_id) if deputy_id is not None else None
    if deputy_id is not None and (deputy is None or not deputy.active):
        raise InvalidInputError("deputy_unknown", "deputy")
    since = user.away_since if is_away_now(user, now) else now
    _set(user, by, since, until, deputy)


def come_back(user: User, by: User | None) -> None:
    """Note that a user is here again; nothing happens when they were not away."""
    _set(user, by, None, None, None)


def _of_shift(moment: datetime) -> Presence:
    """Say whether those who are not away are here."""
    hours = shifts.hours()
    if hours is None or hours.is_open(moment):
        return Presence("here")
    return Presence("off_shift", hours.next_opening(moment))


def _away(user: User) -> Presence:
    has_deputy = user.deputy is not None and user.deputy.active
    return Presence("away", user.away_until, user.deputy if has_deputy else None)


def _set(
    user: User,
    by: User | None,
    since: datetime | None,
    until: datetime | None,
    deputy: User | None,
) -> None:
    db.session.execute(select(User.id).where(User.id == user.id).with_for_update())
    before = snapshot(user, KEPT)
    user.away_since, user.away_until, user.deputy = since, until, deputy
    db.session.flush()
    changes = difference(before, snapshot(user, KEPT))
    if changes:
        action = "away" if since is not None else "back"
        journal.record(RecordKind.USER, user.id, action, by, changes)
        after_commit({OFFICE, user.id}, {"presence": user.id})
