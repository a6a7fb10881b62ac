"""Earlier calls go along with a number or an extension: a few in a step, and all of them back.

Nothing here commits: the runner of jobs does, after each step.
"""

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, update

from crm_app import clock
from crm_app.accounts import pbx
from crm_app.accounts.models import User
from crm_app.calls import next_tasks
from crm_app.calls.fold.facts import Direction
from crm_app.calls.models import Call, CallLeg
from crm_app.calls.store import ledger
from crm_app.calls.taking.models import TakenCalls
from crm_app.contacts import services as contacts
from crm_app.contacts.models import Contact
from crm_app.extensions import db
from crm_app.jobs import services as jobs
from crm_app.journal import services as journal
from crm_app.journal.kinds import RecordKind
from crm_app.journal.values import change
from crm_app.live.messages import OFFICE
from crm_app.live.screen_updates import after_commit
from crm_app.phone_pairs import forms_of

# The jobs, each of one step: a payload with the step's id.
TAKE, GIVE_BACK = "take_calls", "give_calls_back"
# Calls in one transaction, each of which is locked; and calls that are looked at in one.
STEP, WINDOW = 100, 500


@contacts.when_numbered
def begin_for_contact(contact: Contact, numbers: set[str], by: User | None) -> None:
    """Owe to a contact the earlier calls from the numbers that it has got."""
    for number in sorted(numbers):
        if db.session.scalar(select(Call.id).where(_of_nobody(number)).limit(1)) is not None:
            _begin(TakenCalls(contact_id=contact.id, number=number), by)


@pbx.when_extended
def begin_for_user(user: User, by: User | None) -> None:
    """Owe to a user the earlier calls of the extension that they have got."""
    _begin(TakenCalls(owner_id=user.id, extension=user.extension or ""), by)


def take_some(taken_id: int, after: int) -> int | None:
    """Give the next few calls of a step to whom it is for; where to go on, None at the end."""
    taken = _for_update(taken_id)
    if taken is None or taken.undone_at is not None or taken.done_at is not None:
        return None
    count, more = _take_number(taken) if taken.number else _refold(taken, after, None)
    taken.count += count
    if more is None:
        taken.done_at = clock.now()
        if taken.count:
            _write_down("calls_taken", taken, taken.by)
        else:
            db.session.delete(taken)
    return more


def undo(taken: TakenCalls, by: User) -> None:
    """Owe the way back of a step; the calls follow soon."""
    found = _for_update(taken.id)
    if found is None or found.undone_at is not None:
        return
    found.undone_at = clock.now()
    payload = {"taken": found.id, "by": by.id, "after": 0}
    jobs.enqueue(db.session, GIVE_BACK, payload, key=f"{GIVE_BACK}:{found.id}")


def give_some_back(taken_id: int, after: int, by_id: int) -> int | None:
    """Take the next few calls of an undone step away; where to go on, None at the end."""
    taken = _for_update(taken_id)
    if taken is None or taken.undone_at is None:
        return None
    if taken.number:
        more = _return_number(taken, db.session.get(User, by_id))
    else:
        _count, more = _refold(taken, after, taken.owner_id)
    if more is None:
        _write_down("calls_given_back", taken, db.session.get(User, by_id))
    return more


def _begin(taken: TakenCalls, by: User | None) -> None:
    taken.by_id = by.id if by is not None else None
    db.session.add(taken)
    db.session.flush()
    payload = {"taken": taken.id, "after": 0}
    jobs.enqueue(db.session, TAKE, payload, key=f"{TAKE}:{taken.id}")


def _for_update(taken_id: int) -> TakenCalls | None:
    return db.session.get(TakenCalls, taken_id, with_for_update=True, populate_existing=True)


def _of_nobody(number: str) -> ColumnElement[bool]:
    return and_(
        Call.outside_number.in_(forms_of(number)),
        Call.contact_id.is_(None),
        Call.contact_is_chosen.is_(False),
        Call.direction != Direction.INTERNAL,
    )


def _take_number(taken: TakenCalls) -> tuple[int, int | None]:
    contact = taken.contact
    # Who shares the number with others is not known to be the caller.
    if contact is None or contacts.matching(taken.number) != [contact]:
        return 0, None
    values = {
        "contact_id": contact.id, "responsible_id": contact.responsible_id, "taken_id": taken.id,
    }  # fmt: skip
    return _write(_of_nobody(taken.number), values, contact, taken.by)


def _return_number(taken: TakenCalls, by: User | None) -> int | None:
    contact = taken.contact
    its = (
        Call.taken_id == taken.id,
        Call.contact_id == taken.contact_id,
        Call.contact_is_chosen.is_(False),
    )
    # While the number stays with the contact it would lead there again.
    has_number = contact is not None and taken.number in contact.numbers
    values = {
        "contact_id": None, "responsible_id": None, "taken_id": None,
        "contact_is_chosen": has_number,
    }  # fmt: skip
    return _write(and_(*its), values, contact, by)[1]


def _write(
    which: ColumnElement[bool], values: dict[str, Any], contact: Contact | None, by: User | None
) -> tuple[int, int | None]:
    connection = db.session.connection()
    # In the order in which everybody locks calls.
    some = select(Call.id, Call.pbx_call_id).where(which).order_by(Call.pbx_call_id).limit(STEP)
    rows = db.session.execute(some).all()
    for row in rows:
        ledger.lock(connection, row.pbx_call_id)
    written = db.session.execute(
        update(Call)
        .where(Call.id.in_([row.id for row in rows]), which)
        .values(**values, updated_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    if rows and contact is not None:
        before_id = None if values["contact_id"] else contact.id
        written_ids = Call.id.in_([row.id for row in rows])
        next_tasks.let_follow(written_ids, before_id, values["contact_id"], by)
        theirs = [] if contact.responsible_id is None else [contact.responsible_id]
        after_commit([OFFICE, *theirs], {"log": rows[0].id, "contact": contact.id})
    return written.rowcount, 0 if len(rows) == STEP else None  # type: ignore[attr-defined]


def _refold(taken: TakenCalls, after: int, owner_id: int | None) -> tuple[int, int | None]:
    """Write again the calls in which the extension belongs to `owner_id` so far."""
    first = db.session.scalar(select(func.min(Call.id)).where(Call.id > after))
    if first is None:
        return 0, None
    connection, until = db.session.connection(), first + WINDOW
    found = db.session.scalars(_with_extension(taken, first, until, owner_id)).all()
    for pbx_call_id in sorted(found):
        ledger.refold(connection, pbx_call_id)
    last = db.session.scalar(select(func.max(Call.id))) or 0
    return len(found), until - 1 if until <= last else None


def _with_extension(taken: TakenCalls, first: int, until: int, owner_id: int | None) -> Select[Any]:
    its = or_(
        Call.placed_by_extension == taken.extension, Call.answered_by_extension == taken.extension
    )
    leg = exists().where(
        CallLeg.call_id == Call.id,
        CallLeg.extension == taken.extension,
        CallLeg.user_id.is_not_distinct_from(owner_id),
    )
    return select(Call.pbx_call_id).where(
        Call.id >= first,
        Call.id < until,
        Call.started_at <= taken.created_at,
        or_(and_(Call.user_id.is_not_distinct_from(owner_id), its), leg),
    )


def _write_down(action: str, taken: TakenCalls, by: User | None) -> None:
    what = [taken.id, taken.number or taken.extension, taken.count]
    shown = {"calls_taken": change(None, what)}
    if taken.contact_id is not None:
        journal.record(RecordKind.CONTACT, taken.contact_id, action, by, shown)
    elif taken.owner_id is not None:
        journal.record(RecordKind.USER, taken.owner_id, action, by, shown)
