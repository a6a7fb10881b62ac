"""Working through a list: next, done, later, skipped. No verb commits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload, selectinload

from crm_app import clock
from crm_app.accounts.colleagues import everybody
from crm_app.accounts.models import User
from crm_app.call_lists.membership import may_be_called, seen_by
from crm_app.call_lists.models import HELD_FOR, CallList, CallListEntry, EntryState
from crm_app.calls.fold.facts import CallPhase
from crm_app.calls.models import Call
from crm_app.calls.services import attach_lead
from crm_app.calls.wrapup import outcomes
from crm_app.calls.wrapup import services as wrapup
from crm_app.calls.wrapup.services import WrittenUp
from crm_app.contacts.models import Contact
from crm_app.database import for_update
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.journal.kinds import RecordKind
from crm_app.journal.services import add_note
from crm_app.leads.models import Lead
from crm_app.live.screen_updates import after_commit
from crm_app.paging import Page, fetch_page
from crm_app.phone_pairs import forms_of
from crm_app.tasks import services as tasks
from crm_app.tasks.fields import TaskDraft
from crm_app.tasks.models import on_day
from crm_app.text import is_visible

# Where the client of an entry is found.
_CLIENT = (
    joinedload(CallListEntry.contact),
    joinedload(CallListEntry.lead).joinedload(Lead.contact),
)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a list has come; `left_out` may not be called by this user now."""

    total: int
    done: int
    skipped: int
    held: int
    waiting: int
    left_out: int

    @property
    def is_over(self) -> bool:
        """Nobody is left to be called."""
        return not (self.waiting or self.held)


def lists(*, closed: bool = False) -> Sequence[CallList]:
    """List the lists that are open, or the newest that are closed."""
    found = select(CallList).options(joinedload(CallList.created_by))
    if closed:
        found = found.where(CallList.closed_at.is_not(None)).order_by(CallList.closed_at.desc())
        return db.session.scalars(found.limit(20)).all()
    return db.session.scalars(
        found.where(CallList.closed_at.is_(None)).order_by(CallList.id.desc()).limit(100)
    ).all()


def counts(list_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """Count the entries of some lists by their state."""
    rows = db.session.execute(
        select(CallListEntry.list_id, CallListEntry.state, func.count())
        .where(CallListEntry.list_id.in_(list_ids))
        .group_by(CallListEntry.list_id, CallListEntry.state)
    )
    found: dict[int, dict[str, int]] = {list_id: {} for list_id in list_ids}
    for list_id, state, number in rows:
        found[list_id][state] = number
    return found


def progress(call_list: CallList, user: User) -> Progress:
    """Count how far a list has come, as this user may work through it."""
    by_state = counts([call_list.id])[call_list.id]
    waiting = db.session.scalar(
        select(func.count())
        .select_from(CallListEntry)
        .where(
            CallListEntry.list_id == call_list.id,
            CallListEntry.state == EntryState.WAITING,
            may_be_called(call_list, user),
        )
    )
    return Progress(
        total=sum(by_state.values()),
        done=by_state.get(EntryState.DONE, 0),
        skipped=by_state.get(EntryState.SKIPPED, 0),
        held=by_state.get(EntryState.HELD, 0),
        waiting=waiting or 0,
        left_out=by_state.get(EntryState.WAITING, 0) - (waiting or 0),
    )


def held_by(call_list: CallList, user: User) -> CallListEntry | None:
    """Find the entry of a list that a user has now, with all that its page shows.

    None for one whose client they may not see any more, or that is in the bin.
    """
    return db.session.scalar(
        select(CallListEntry)
        .where(
            CallListEntry.list_id == call_list.id,
            CallListEntry.holder_id == user.id,
            seen_by(user),
        )
        .options(
            *(
                one.options(selectinload(Contact.phones), joinedload(Contact.company))
                for one in _CLIENT
            ),
            joinedload(CallListEntry.lead).joinedload(Lead.stage),
        )
    )


def find_entry(entry_id: int, user: User) -> CallListEntry | None:
    """Find an entry whose client a user may see."""
    return db.session.scalar(
        select(CallListEntry).where(CallListEntry.id == entry_id, seen_by(user))
    )


def held_by_others(call_list: CallList, user: User) -> Sequence[CallListEntry]:
    """List what colleagues have now, of those whom this user may see."""
    return db.session.scalars(
        select(CallListEntry)
        .where(
            CallListEntry.list_id == call_list.id,
            CallListEntry.holder_id.is_not(None),
            CallListEntry.holder_id != user.id,
            seen_by(user),
        )
        .options(*_CLIENT, joinedload(CallListEntry.holder))
        .order_by(CallListEntry.held_from)
    ).all()


def results(call_list: CallList, user: User, cursor: str = "") -> Page[CallListEntry]:
    """Read one page of what became of those who were called or skipped, the newest first."""
    found = (
        select(CallListEntry)
        .where(
            CallListEntry.list_id == call_list.id,
            CallListEntry.done_at.is_not(None),
            seen_by(user),
        )
        .options(*_CLIENT, joinedload(CallListEntry.done_by), selectinload(CallListEntry.call))
    )
    keys = [CallListEntry.done_at, CallListEntry.id]
    return fetch_page(db.session(), found, keys, cursor=cursor, descending=True)


def take_next(call_list: CallList, user: User) -> CallListEntry | None:
    """Give a user the next entry, or the one that they have; None when nobody is left.

    However many ask at once, each gets another client. Raises InvalidInputError (list_closed).
    """
    # One after the other: who asks at the same moment must see whom the first was given.
    for_update(db.session, call_list)
    if call_list.closed_at is not None:
        raise InvalidInputError("list_closed", "list")
    if (mine := held_by(call_list, user)) is not None:
        touch(mine)
        return mine
    _let_go_of_unseen(call_list, user)
    now = clock.now()
    free = or_(
        CallListEntry.state == EntryState.WAITING,
        and_(CallListEntry.state == EntryState.HELD, CallListEntry.held_at < now - HELD_FOR),
    )
    first = (
        select(CallListEntry.id)
        .where(CallListEntry.list_id == call_list.id, free, may_be_called(call_list, user))
        .order_by(CallListEntry.position, CallListEntry.id)
        .limit(1)
        .with_for_update(of=CallListEntry, skip_locked=True)
        .scalar_subquery()
    )
    taking = (
        update(CallListEntry)
        .where(CallListEntry.id == first)
        .values(state=EntryState.HELD, holder_id=user.id, held_at=now, held_from=now)
        .execution_options(synchronize_session=False)
    )
    try:
        with db.session.begin_nested():
            db.session.execute(taking)
    except IntegrityError:
        # Another tab of the same user was first.
        pass
    db.session.expire_all()
    _announce(call_list.id)
    return held_by(call_list, user)


def _let_go_of_unseen(call_list: CallList, user: User) -> None:
    """Give back what a user has and cannot work on: its client was deleted, or given away."""
    db.session.execute(
        update(CallListEntry)
        .where(
            CallListEntry.list_id == call_list.id,
            CallListEntry.holder_id == user.id,
            ~seen_by(user),
        )
        .values(state=EntryState.WAITING, holder_id=None)
        .execution_options(synchronize_session=False)
    )


def touch(entry: CallListEntry) -> None:
    """Note that its user is at work on an entry."""
    entry.held_at = clock.now()


def call_of(entry: CallListEntry, user: User) -> Call | None:
    """Find a user's newest call with an entry's client that was over only since they have it.

    A lead that came as a number is called by it also while no contact has it.
    """
    found = None
    if entry.client is not None:
        found = _newest_call(entry, user, Call.contact_id == entry.client.id)
    if found is None and entry.lead_number:
        is_to_number = Call.outside_number.in_(forms_of(entry.lead_number))
        found = _newest_call(entry, user, is_to_number)
    return found


def _newest_call(
    entry: CallListEntry, user: User, is_with_client: ColumnElement[bool]
) -> Call | None:
    return db.session.scalar(
        select(Call)
        .where(
            is_with_client,
            or_(Call.ended_at.is_(None), Call.ended_at >= entry.held_from),
            Call.has_part(user.id),
        )
        .order_by(Call.started_at.desc(), Call.id.desc())
        .limit(1)
    )


def write_up(
    entry: CallListEntry, user: User, written: WrittenUp, zone: tzinfo, default_title: str
) -> None:
    """Write up how it went, and be done with an entry.

    It is the write-up of the call that was made; without one, the note goes to the contact, or to
    the lead. Raises InvalidInputError as the wrap-up does, and talking_still, not_yours.
    """
    _refuse_others(entry, user)
    call = call_of(entry, user)
    if call is not None and call.phase != CallPhase.ENDED:
        raise InvalidInputError("talking_still", "outcome")
    if call is not None:
        if entry.lead_number and call.lead_id is None:
            # Dialled by hand, it would belong to nobody, and so would the next task.
            attach_lead(call, entry.lead, user)
        _write_up_call(call, user, written, zone, default_title)
    else:
        _write_down(entry, user, written, zone, default_title)
    entry.call_id = call.id if call is not None else None
    _settle(entry, user, EntryState.DONE, written)


def _write_up_call(
    call: Call, user: User, written: WrittenUp, zone: tzinfo, default_title: str
) -> None:
    row = wrapup.existing(call, user)
    is_same = row is not None and (row.outcome, row.note) == (written.outcome, written.note)
    # What was written into the card of the call already is not written twice.
    if not (row is not None and row.saved_at and is_same and not written.chip):
        wrapup.save(call, user, written, zone, default_title)


def _write_down(
    entry: CallListEntry, user: User, written: WrittenUp, zone: tzinfo, default_title: str
) -> None:
    if not (written.outcome or is_visible(written.note) or written.chip):
        raise InvalidInputError("nothing_written", "outcome")
    if written.chip == "day" and written.day is None:
        raise InvalidInputError("day_empty", "day")
    if written.outcome not in {"", *(one.code for one in outcomes.offered())}:
        raise InvalidInputError("outcome_unknown", "outcome")
    if is_visible(written.note):
        if entry.lead_id is not None:
            add_note(RecordKind.LEAD, entry.lead_id, written.note, user)
        elif entry.contact_id is not None:
            add_note(RecordKind.CONTACT, entry.contact_id, written.note, user)
    if written.chip:
        due, has_time = _due_of(written, zone)
        title = written.task_title or default_title
        draft = TaskDraft(title=title, due_at=due, has_time=has_time)
        contact_id = entry.client.id if entry.client is not None else None
        tasks.create_task(draft.but(contact_id=contact_id, lead_id=entry.lead_id), user)


def _due_of(written: WrittenUp, zone: tzinfo) -> tuple[datetime, bool]:
    if written.day is not None and written.chip == "day":
        return on_day(written.day), False
    return wrapup.due_of(written.chip, clock.now(), zone)


def put_back(entry: CallListEntry, user: User) -> None:
    """Put an entry to the end of its list, to be tried again; raises not_yours."""
    _refuse_others(entry, user)
    last = db.session.scalar(
        select(func.max(CallListEntry.position)).where(CallListEntry.list_id == entry.list_id)
    )
    entry.position, entry.tries = (last or 0) + 1, entry.tries + 1
    _free(entry, EntryState.WAITING)


def skip(entry: CallListEntry, user: User) -> None:
    """Leave an entry out for good; raises not_yours."""
    _refuse_others(entry, user)
    _settle(entry, user, EntryState.SKIPPED, WrittenUp())


def release(entry: CallListEntry, user: User) -> None:
    """Give an entry back, in its place; raises not_yours."""
    _refuse_others(entry, user)
    _free(entry, EntryState.WAITING)


def bring_back(entry: CallListEntry) -> None:
    """Let an entry that is done or skipped be called again, at its place."""
    if entry.state in (EntryState.DONE, EntryState.SKIPPED):
        entry.done_at = entry.done_by_id = None
        _free(entry, EntryState.WAITING)


def close(call_list: CallList) -> None:
    """Close a list: nobody is given anybody of it; who is held is let go."""
    call_list.closed_at = call_list.closed_at or clock.now()
    db.session.execute(
        update(CallListEntry)
        .where(CallListEntry.list_id == call_list.id, CallListEntry.state == EntryState.HELD)
        .values(state=EntryState.WAITING, holder_id=None)
    )
    _announce(call_list.id)


def open_again(call_list: CallList) -> None:
    """Let a closed list be worked through again."""
    call_list.closed_at = None
    _announce(call_list.id)


def _settle(entry: CallListEntry, user: User, state: EntryState, written: WrittenUp) -> None:
    entry.outcome, entry.note = written.outcome, written.note
    entry.done_by_id, entry.done_at = user.id, clock.now()
    _free(entry, state)


def _free(entry: CallListEntry, state: EntryState) -> None:
    entry.state, entry.holder_id = state, None
    db.session.flush()
    _announce(entry.list_id)


def _announce(list_id: int) -> None:
    """Let the pages of all who work through a list read it again once this is committed."""
    after_commit(everybody(), {"call_list": list_id})


def _refuse_others(entry: CallListEntry, user: User) -> None:
    """Raise InvalidInputError (not_yours) when somebody else has the entry by now, or nobody."""
    for_update(db.session, entry)
    if entry.holder_id != user.id:
        raise InvalidInputError("not_yours", "outcome")
