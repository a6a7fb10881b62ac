"""What the clock does to call-backs: lends those of who is gone, reminds, and calls the managers.

A periodic job performs it, some rows at a time; nothing here commits.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, exists, or_, select
from sqlalchemy.orm import InstrumentedAttribute, aliased, joinedload

from crm_app import clock
from crm_app.accounts.models import BrowserSession, User
from crm_app.accounts.presence import services as presence
from crm_app.callbacks.announcing import announce, remind
from crm_app.callbacks.mails import owed
from crm_app.callbacks.models import CallBack, CallBackEvent, EventKind
from crm_app.callbacks.rules import Rules
from crm_app.extensions import db

AT_ONCE = 100
# Who has not been seen for so long, in any browser, does not see what is due.
SIGNED_OUT_FOR = timedelta(hours=8)


def tend(rules: Rules) -> None:
    """Lend, return, remind and escalate whatever is due for it, while call-backs are on."""
    if rules.on_since is None:
        return
    now = clock.now()
    for row in _some(_is_left(now)):
        _let_go(row, now)
    for row in _some(_is_for_deputy(now)):
        _lend(row, row.owner.deputy_id if row.owner else None, now)
    for row in _some(_is_for_pool(now)):
        _lend(row, None, now)
    for row in _some(_is_to_return(now)):
        _return(row)
    db.session.flush()
    for row in _some(CallBack.reminded_at.is_(None), CallBack.due_at <= now):
        row.reminded_at = now
        whom = _whom(row)
        remind(row, whom)
        owed.owe(row, whom, owed.Step.DUE, now, rules)
    late_since = now - timedelta(minutes=rules.minutes)
    for row in _some(CallBack.escalated_at.is_(None), CallBack.due_at <= late_since):
        if rules.hours.working_time(row.due_at, now) >= timedelta(minutes=rules.minutes):
            row.escalated_at = now
            _note(row, EventKind.ESCALATED)
            managers = [user.id for user in db.session.scalars(User.managing())]
            remind(row, managers)
            owed.owe(row, managers, owed.Step.LATE, now, rules)


def _some(*conditions: ColumnElement[bool]) -> list[CallBack]:
    """Read some open rows for update, those due first."""
    rows: Select[CallBack] = (
        select(CallBack)
        .where(CallBack.done_at.is_(None), *conditions)
        .order_by(CallBack.due_at, CallBack.id)
        .limit(AT_ONCE)
        .with_for_update(of=CallBack, skip_locked=True)
        .options(joinedload(CallBack.owner))
    )
    return list(db.session.scalars(rows.execution_options(populate_existing=True)).unique())


def _is_seen(now: datetime, user: type[User] = User) -> ColumnElement[bool]:
    """Say that some browser of a user was seen of late."""
    return exists().where(
        BrowserSession.user_id == user.id,
        BrowserSession.ended_at.is_(None),
        BrowserSession.seen_at > now - SIGNED_OUT_FOR,
    )


def _is_gone(now: datetime) -> ColumnElement[bool]:
    """Say that a user does not see what is due: away, signed out for long, or disabled."""
    return or_(~User.active, presence.is_away(now), ~_is_seen(now))


def _deputy_of(user_id: InstrumentedAttribute[int | None], now: datetime) -> ScalarSelect[int]:
    """Select who stands in for a user who is away: a deputy who is away, too, does not.

    Nor, once the managers have heard that it is late, one who is signed out for long.
    """
    deputy = aliased(User)
    return (
        select(deputy.id)
        .join(User, User.deputy_id == deputy.id)
        .where(
            User.id == user_id,
            presence.is_away(now),
            deputy.active,
            ~presence.is_away(now, deputy),
            or_(CallBack.escalated_at.is_(None), _is_seen(now, deputy)),
        )
        .correlate(CallBack)
        .scalar_subquery()
    )


def _is_left(now: datetime) -> ColumnElement[bool]:
    """Say that who has taken a call-back is gone, and it is due or has somebody who stands in.

    Who takes one while they are away is at work on it nevertheless.
    """
    has_left = or_(
        ~User.active,
        and_(presence.is_away(now), User.away_since >= CallBack.taken_at),
        and_(~_is_seen(now), CallBack.taken_at <= now - SIGNED_OUT_FOR),
    )
    is_wanted = or_(_deputy_of(CallBack.taken_by_id, now).is_not(None), CallBack.due_at <= now)
    return exists().where(User.id == CallBack.taken_by_id, has_left) & is_wanted


def _is_for_deputy(now: datetime) -> ColumnElement[bool]:
    """Say that a call-back nobody has taken is to be lent to a deputy; it need not be due."""
    deputy = _deputy_of(CallBack.owner_id, now)
    is_new = CallBack.lent_to_id.is_distinct_from(deputy)
    return and_(CallBack.taken_by_id.is_(None), deputy.is_not(None), is_new)


def _is_for_pool(now: datetime) -> ColumnElement[bool]:
    """Say that one nobody has taken is due while its owner is gone, and so is any deputy."""
    return and_(
        CallBack.taken_by_id.is_(None),
        CallBack.due_at <= now,
        or_(CallBack.lent_at.is_(None), CallBack.lent_to_id.is_not(None)),
        exists().where(User.id == CallBack.owner_id, _is_gone(now)),
        _deputy_of(CallBack.owner_id, now).is_(None),
    )


def _is_to_return(now: datetime) -> ColumnElement[bool]:
    is_here = exists().where(User.id == CallBack.owner_id, ~_is_gone(now))
    return and_(CallBack.lent_at.is_not(None), is_here)


def _let_go(row: CallBack, now: datetime) -> None:
    """Release what somebody who is gone has taken; whose it is then, is reminded of it."""
    who = row.taken_by
    row.taken_by_id = row.taken_at = row.reminded_at = None
    is_away = who is not None and who.is_away(now)
    _note(row, EventKind.LEFT if is_away else EventKind.LEFT_UNSEEN, who.id if who else None)


def _lend(row: CallBack, to_id: int | None, now: datetime) -> None:
    """Lend a call-back to a deputy, or with None to the pool, who are reminded of it."""
    row.lent_at, row.lent_to_id, row.reminded_at = now, to_id, None
    is_away = row.owner is not None and row.owner.is_away(now)
    _note(row, EventKind.LENT if is_away else EventKind.LENT_UNSEEN, row.owner_id)


def _return(row: CallBack) -> None:
    row.lent_at = row.lent_to_id = None
    _note(row, EventKind.RETURNED, row.owner_id)


def _whom(row: CallBack) -> list[int]:
    """Give who is reminded: who is to call, and of the pool all who are here."""
    if row.holder is not None:
        return [row.holder.id]
    users = db.session.scalars(User.enabled()).all()
    states = presence.states_of(users)
    return [user.id for user in users if states[user.id].kind == "here"]


def _note(row: CallBack, kind: EventKind, other_id: int | None = None) -> None:
    db.session.add(CallBackEvent(call_back_id=row.id, kind=kind, other_id=other_id))
    db.session.flush()
    announce(row)
