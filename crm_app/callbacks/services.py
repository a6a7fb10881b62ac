"""What people do to call-backs: take, release, reassign, snooze, finish, open again.

Each verb holds the row, so that of fifty who do it at once one is first and the others hear of it.
Nothing here commits.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import joinedload

from crm_app import clock
from crm_app.accounts import rights
from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb
from crm_app.callbacks import clients
from crm_app.callbacks.announcing import announce
from crm_app.callbacks.models import TEXT_LENGTH, CallBack, CallBackEvent, DoneHow, EventKind
from crm_app.errors import InvalidInputError, NotFoundError
from crm_app.extensions import db
from crm_app.text import limited

MOST_COUNTED = 1_000


@dataclass(frozen=True, slots=True)
class Due:
    """When a call-back is due, and when somebody was reminded of that, and the managers were."""

    at: datetime
    reminded_at: datetime | None = None
    escalated_at: datetime | None = None


def take(row_id: int, by: User) -> CallBack:
    """Take a call-back: one of many who do so at once is first; taking it twice changes nothing.

    Raises InvalidInputError: taken (`who`, `since`), done; NotFoundError.
    """
    take_to_call(row_id, by)
    return _read(row_id, by)


def take_to_call(row_id: int, by: User) -> CallBackEvent | None:
    """Take a call-back as `take` does; gives the event, by which `give_back` undoes just this.

    None for one that they had before. Raises as `take` does.
    """
    row_is_free = (
        CallBack.id == row_id,
        CallBack.done_at.is_(None),
        CallBack.taken_by_id.is_(None),
    )
    won = db.session.execute(
        update(CallBack)
        .where(*row_is_free, rights.scope(by, CallBack, Verb.EDIT))
        .values(taken_by_id=by.id, taken_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    row = _read(row_id, by)
    if won.rowcount:  # type: ignore[attr-defined]
        return _note(row, EventKind.TAKEN, by)
    _refuse_done(row)
    _refuse_held(row, by)
    return None


def give_back(taken: CallBackEvent) -> CallBackEvent | None:
    """Release what was taken for a call of which nothing came; None if anything was done since."""
    row = clients.locked([taken.call_back_id]).get(taken.call_back_id)
    its = select(func.max(CallBackEvent.id)).where(CallBackEvent.call_back_id == taken.call_back_id)
    is_untouched = row is not None and row.is_open and row.taken_by_id == taken.user_id
    if row is None or taken.user is None or not is_untouched or db.session.scalar(its) != taken.id:
        return None
    row.taken_by_id = row.taken_at = None
    return _note(row, EventKind.NOT_CALLED, taken.user)


def release(row_id: int, by: User) -> CallBack:
    """Give a call-back back that one has taken; a manager may do so for anybody.

    Raises InvalidInputError: taken (`who`, `since`), done; NotFoundError.
    """
    row = _for_work(row_id, by)
    if row.taken_by_id is not None:
        other = row.taken_by_id if row.taken_by_id != by.id else None
        row.taken_by_id = row.taken_at = None
        _note(row, EventKind.RELEASED, by, other_id=other)
    return row


def reassign(row_id: int, to_id: int | None, by: User) -> CallBack:
    """Make somebody else the owner, or with None give it to the pool; when it is due stays.

    Raises InvalidInputError: taken (`who`, `since`), done, owner_unknown; NotFoundError.
    """
    row = _for_work(row_id, by)
    to = db.session.get(User, to_id) if to_id is not None else None
    if to_id is not None and (to is None or not to.active):
        raise InvalidInputError("owner_unknown", "owner")
    if (row.owner_id, row.taken_by_id, row.lent_at) != (to_id, None, None):
        row.owner_id, row.is_chosen = to_id, True
        row.taken_by_id = row.taken_at = row.lent_at = row.lent_to_id = None
        row.reminded_at = None
        _note(row, EventKind.REASSIGNED, by, other_id=to_id)
    return row


def done(row_id: int, reason: str, by: User) -> CallBack:
    """Finish a call-back without a talk, and say why; the next missed call opens it again.

    Raises InvalidInputError: reason_empty, too_long, taken (`who`, `since`), done; NotFoundError.
    """
    row = _for_work(row_id, by)
    reason = limited(reason, "reason", TEXT_LENGTH)
    if not reason:
        raise InvalidInputError("reason_empty", "reason")
    return finish(row, reason, by)


def finish(row: CallBack, reason: str, by: User | None) -> CallBack:
    """Finish a call-back, which is held for update, as by hand; `by` is None for the office."""
    row.done_at, row.done_how, row.done_by_id = clock.now(), DoneHow.HAND, by.id if by else None
    row.done_reason = reason
    _note(row, EventKind.DONE, by, text=reason)
    return row


def reopen(row_id: int, by: User) -> CallBack:
    """Open a call-back again that was done: talks until now do not close it any more.

    Raises NotFoundError.
    """
    row = _for_change(row_id, by)
    if row.done_at is not None:
        row.done_at = row.done_how = row.done_by_id = row.closed_by_call_id = None
        row.done_reason, row.reopened_at = "", clock.now()
        _note(row, EventKind.REOPENED, by)
    return row


def snooze(row_id: int, until: datetime, by: User) -> CallBack:
    """Put a call-back off until a moment; the client's next call ends that.

    Raises InvalidInputError: snooze_past, taken (`who`, `since`), done; NotFoundError.
    """
    row = _for_work(row_id, by)
    if until <= clock.now():
        raise InvalidInputError("snooze_past", "until")
    row.snoozed_from = row.snoozed_from or row.due_at
    # The managers hear of it again once it is late again.
    row.due_at, row.reminded_at, row.escalated_at = until, None, None
    _note(row, EventKind.SNOOZED, by, until=until)
    return row


def due_of(row_id: int, by: User) -> Due:
    """Read for an undo when a call-back is due, and keep it from changing. Raises NotFoundError."""
    row = _for_change(row_id, by)
    return Due(row.due_at, row.reminded_at, row.escalated_at)


def unsnooze(
    row_id: int, by: User, before: Due | None = None, until: datetime | None = None
) -> CallBack:
    """Let a call-back be due as `before` says, else as if nobody had ever put it off.

    One that was put off twice stays so after the second time is taken back. With `until`, only a
    delay until then is taken back.

    Raises InvalidInputError: changed (somebody has put it off again since); NotFoundError.
    """
    row = _for_change(row_id, by)
    is_delayed = row.snoozed_from is not None and row.is_open
    if is_delayed and until is not None and row.due_at != until:
        raise InvalidInputError("changed", "until")
    if row.snoozed_from is not None and row.is_open:
        was = before or Due(row.snoozed_from)
        row.due_at, row.reminded_at, row.escalated_at = was.at, was.reminded_at, was.escalated_at
        if row.due_at == row.snoozed_from:
            row.snoozed_from = None
        _note(row, EventKind.UNSNOOZED, by)
    return row


def add_note(row_id: int, text: str, by: User) -> CallBack:
    """Write something about a call-back for those who call.

    Raises InvalidInputError (text_empty, too_long), NotFoundError.
    """
    row = _for_change(row_id, by)
    text = limited(text, "text", TEXT_LENGTH)
    if not text:
        raise InvalidInputError("text_empty", "text")
    _note(row, EventKind.NOTED, by, text=text)
    return row


def open_for(contact_id: int | None, number: str) -> CallBack | None:
    """Find the open call-back of a client: of the contact, else of whom the number belongs to."""
    if contact_id is None and number:
        contact_id = clients.contact_with(number)
    is_theirs = clients.Client(contact_id, number).condition
    if contact_id is not None and number:
        is_theirs = or_(is_theirs, clients.Client(None, number).condition)
    people = (joinedload(CallBack.taken_by), joinedload(CallBack.owner))
    found = select(CallBack).where(is_theirs, CallBack.done_at.is_(None)).options(*people)
    return db.session.scalar(found.order_by(CallBack.contact_id.is_(None)).limit(1))


def counts_for(user: User) -> int:
    """Count the open call-backs that are a user's or the pool's, up to MOST_COUNTED."""
    mine = (
        select(CallBack.id)
        .where(
            CallBack.done_at.is_(None),
            or_(CallBack.holder_id == user.id, CallBack.holder_id.is_(None)),
        )
        .limit(MOST_COUNTED)
    )
    return db.session.scalar(select(func.count()).select_from(mine.subquery())) or 0


def _for_change(row_id: int, by: User) -> CallBack:
    rows = clients.locked([row_id])
    if row_id not in rows:
        raise NotFoundError
    return _read(row_id, by)


def _for_work(row_id: int, by: User) -> CallBack:
    """Read an open one for update, which no colleague has taken; a manager may do with theirs."""
    row = _for_change(row_id, by)
    _refuse_done(row)
    if not by.is_manager:
        _refuse_held(row, by)
    return row


def _read(row_id: int, by: User) -> CallBack:
    statement = rights.allowed(by, CallBack, Verb.EDIT).where(CallBack.id == row_id)
    row = db.session.scalar(statement.execution_options(populate_existing=True))
    if row is None:
        raise NotFoundError
    return row


def _refuse_done(row: CallBack) -> None:
    if not row.is_open:
        raise InvalidInputError("done", "call_back")


def _refuse_held(row: CallBack, by: User) -> None:
    if row.taken_by is not None and row.taken_by_id != by.id:
        raise InvalidInputError("taken", "call_back", who=row.taken_by.name, since=row.taken_at)


def _note(
    row: CallBack,
    kind: EventKind,
    by: User | None,
    *,
    other_id: int | None = None,
    until: datetime | None = None,
    text: str = "",
) -> CallBackEvent:
    """Write down what somebody did, and let the screens hear of it; flushed."""
    event = CallBackEvent(
        call_back_id=row.id, kind=kind, user_id=by.id if by else None,
        other_id=other_id, until=until, text=text,
    )  # fmt: skip
    db.session.add(event)
    db.session.flush()
    db.session.refresh(row)
    announce(row)
    return event
