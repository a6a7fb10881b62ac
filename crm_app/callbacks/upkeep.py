"""What the clock does to call-backs: lends those of who is away, reminds, and calls the managers.

A periodic job performs it, some rows at a time; nothing here commits.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select
from sqlalchemy.orm import joinedload

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
    for row in _some(_is_to_lend(now)):
        _lend(row, now)
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


def _is_gone(now: datetime) -> ColumnElement[bool]:
    """Say that an owner does not see what is due: away, signed out for long, or disabled."""
    is_seen = exists().where(
        BrowserSession.user_id == User.id,
        BrowserSession.ended_at.is_(None),
        BrowserSession.seen_at > now - SIGNED_OUT_FOR,
    )
    return or_(~User.active, presence.is_away(now), ~is_seen)


def _is_to_lend(now: datetime) -> ColumnElement[bool]:
    """Say that a call-back nobody has taken is due while its owner is gone.

    Where somebody stands in for the owner, it need not be due.
    """
    has_deputy = and_(presence.is_away(now), User.deputy_id.is_not(None))
    is_wanted = or_(has_deputy, and_(_is_gone(now), CallBack.due_at <= now))
    owner_is_gone = exists().where(User.id == CallBack.owner_id, is_wanted)
    return and_(CallBack.lent_at.is_(None), CallBack.taken_by_id.is_(None), owner_is_gone)


def _is_to_return(now: datetime) -> ColumnElement[bool]:
    is_here = exists().where(User.id == CallBack.owner_id, ~_is_gone(now))
    return and_(CallBack.lent_at.is_not(None), is_here)


def _lend(row: CallBack, now: datetime) -> None:
    deputy = row.owner.deputy if row.owner and presence.is_away_now(row.owner, now) else None
    row.lent_at = now
    row.lent_to_id = deputy.id if deputy is not None and deputy.active else None
    _note(row, EventKind.LENT, row.owner_id)


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
