"""Call-back tasks: one open task per client with missed calls, until somebody talks to them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select, update
from sqlalchemy.orm import aliased

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.fold.facts import Direction
from crm_app.calls.fold.follow_ups import TALKED, FollowUp, FollowUpKind
from crm_app.calls.models import Call
from crm_app.calls.store import ledger
from crm_app.extensions import db
from crm_app.jobs import services as jobs
from crm_app.journal.kinds import RecordKind
from crm_app.journal.models import JournalEntry
from crm_app.local_time import LocalTime
from crm_app.tasks import services as tasks
from crm_app.tasks.fields import TaskDraft
from crm_app.tasks.models import Task, on_day
from crm_app.telephony import wording
from crm_app.telephony.models import MissedCallTask, TelephonySettings

# Calls missed longer ago than this, because no worker ran, make no task.
LOOKS_BACK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Defaults:
    """Language, time zone and country for a person who has chosen none."""

    language: str
    timezone: str
    country: str


def call_back(pbx_call_id: str, defaults: Defaults) -> bool:
    """See to it that one open task asks for the client of a missed call, until somebody talks.

    The task goes to the client's responsible, else to the default one; one made before somebody
    said who the client is becomes theirs. Returns False while that person cannot get tasks: try
    again later. The caller commits.
    """
    settings, call = _begin(pbx_call_id)
    return call is None or not call.is_missed or _look_after(call, settings, defaults)


def do_not_call_back(pbx_call_id: str) -> None:
    """Undo `call_back` for a call that turned out not to be missed.

    Its task is completed unless another missed call is behind it. The caller commits.
    """
    _, call = _begin(pbx_call_id)
    if call is not None and not call.is_missed:
        _drop(_let_go(call))


def note_talk(pbx_call_id: str) -> None:
    """Complete the open call-back tasks of a client somebody is talking to; the caller commits.

    Those that it had completed of somebody else, whom the talk was taken to be with, are looked at
    again.
    """
    _, talk = _begin(pbx_call_id)
    if talk is None or talk.status not in TALKED or talk.is_missed:
        return
    _look_again_at_others(talk)
    later, later_call = aliased(MissedCallTask), aliased(Call)
    was_missed_since = exists().where(
        later.task_id == Task.id,
        later_call.id == later.call_id,
        later_call.started_at > talk.started_at,
    )
    # If somebody opened again what this talk had completed, it stays open.
    is_new = MissedCallTask.closed_by_call_id.is_distinct_from(talk.id)
    waiting = _open_tasks_with(talk).where(~was_missed_since, is_new)
    for task in db.session.scalars(waiting).unique().all():
        _close(task, talk)


def _look_again_at_others(talk: Call) -> None:
    """Enqueue the missed calls whose tasks a talk completed, but with whose client it was not."""
    missed = (
        select(Call.pbx_call_id)
        .join(MissedCallTask, MissedCallTask.call_id == Call.id)
        .where(MissedCallTask.closed_by_call_id == talk.id, ~_is_with_client_of(talk))
    )
    for pbx_call_id in db.session.scalars(missed).all():
        again = FollowUp(FollowUpKind.CALL_BACK, pbx_call_id)
        jobs.enqueue(db.session, again.kind, again.payload, key=again.key)


def _begin(pbx_call_id: str) -> tuple[TelephonySettings, Call | None]:
    """Lock the settings and the call, and return both as they are now.

    The first lock keeps two workers from making two tasks for one client. The second waits for a
    user who is saying whom the call was with, or makes them wait.
    """
    settings = TelephonySettings.for_change()
    ledger.lock(db.session.connection(), pbx_call_id)
    return settings, _find(pbx_call_id)


def _look_after(call: Call, settings: TelephonySettings, defaults: Defaults) -> bool:
    """Bring the task of a missed call to where it belongs; False when nobody can have it yet."""
    link = db.session.get(MissedCallTask, call.id)
    if _is_settled(link) if link else call.started_at < clock.now() - LOOKS_BACK:
        return True
    can_be_called = bool(call.outside_number or call.contact_id)
    can_be_called = can_be_called and call.direction == Direction.INBOUND
    talk = _talk_since(call) if can_be_called else None
    responsible = _responsible_for(call, settings) if can_be_called and not talk else None
    if responsible is not None and not responsible.active:
        return False
    mine = _let_go(call)
    if talk is not None:
        if mine is not None:
            _link(call, mine)
            _close(mine, talk)
    elif responsible is None:
        _drop(mine)
    elif (theirs := db.session.scalar(_open_tasks_with(call).limit(1))) is not None:
        _drop(mine)
        _link(call, theirs)
    else:
        _link(call, _make_task(call, responsible, defaults, mine))
    return True


def _is_settled(link: MissedCallTask) -> bool:
    """Whether somebody has decided about a task: ticked it off, opened it again, deleted it."""
    task = db.session.get_one(Task, link.task_id)
    return task.deleted_at is not None or task.is_done != (link.closed_by_call_id is not None)


def _link(call: Call, task: Task) -> None:
    db.session.add(MissedCallTask(call_id=call.id, task_id=task.id))
    db.session.flush()


def _let_go(call: Call) -> Task | None:
    """Unlink a missed call from its task; return the task if no other call stands behind it."""
    link = db.session.get(MissedCallTask, call.id)
    if link is None:
        return None
    task = db.session.get_one(Task, link.task_id)
    db.session.delete(link)
    db.session.flush()
    is_asked_by_another = exists().where(MissedCallTask.task_id == task.id)
    is_free = task.deleted_at is None and not db.session.scalar(select(is_asked_by_another))
    return task if is_free else None


def _drop(task: Task | None) -> None:
    if task is not None:
        tasks.complete(task, None)


def _close(task: Task, talk: Call) -> None:
    tasks.complete(task, talk.user)
    links = update(MissedCallTask).where(MissedCallTask.task_id == task.id)
    db.session.execute(links.values(closed_by_call_id=talk.id))


def _find(pbx_call_id: str) -> Call | None:
    statement = select(Call).where(Call.pbx_call_id == pbx_call_id)
    return db.session.scalar(statement.execution_options(populate_existing=True))


def _talk_since(call: Call) -> Call | None:
    """Find the first talk with the client since their call was missed."""
    return db.session.scalar(
        select(Call)
        .where(
            Call.status.in_(TALKED),
            ~Call.is_missed,
            Call.is_own_leg.is_(False),
            Call.started_at > call.started_at,
            _is_with_client_of(call),
        )
        .order_by(Call.started_at, Call.id)
        .limit(1)
    )


def _responsible_for(call: Call, settings: TelephonySettings) -> User | None:
    """Find who is to call back; None when nobody was responsible when the call was missed."""
    contact = call.contact
    if contact is not None and contact.deleted_at is None:
        theirs = contact.responsible
        if theirs is not None and theirs.active:
            return theirs
    since = settings.default_responsible_since
    if since is None or call.started_at < since:
        return None
    return settings.default_responsible


def _is_with_client_of(call: Call) -> ColumnElement[bool]:
    """Ask for the calls of the same client, who may have two telephones.

    One number is one client, until somebody says of two of its calls that it was not the same.
    """
    is_same_contact = Call.contact_id.is_not_distinct_from(call.contact_id)
    is_same_number = and_(Call.outside_number == call.outside_number, Call.outside_number != "")
    if call.contact_id is None and not call.contact_is_chosen:
        return is_same_number
    may_be_same = ~Call.contact_is_chosen
    if call.contact_is_chosen:
        may_be_same = and_(may_be_same, Call.contact_id.is_(None))
    is_same = and_(is_same_number, or_(is_same_contact, may_be_same))
    # Two strangers are not one because neither is a contact.
    return is_same if call.contact_id is None else or_(is_same, is_same_contact)


def _open_tasks_with(call: Call) -> Select[Any]:
    """Select the open tasks of earlier missed calls of the same client."""
    return (
        select(Task)
        .join(MissedCallTask, MissedCallTask.task_id == Task.id)
        .join(Call, Call.id == MissedCallTask.call_id)
        .where(
            Task.completed_at.is_(None),
            Task.deleted_at.is_(None),
            _is_with_client_of(call),
        )
    )


def _make_task(call: Call, responsible: User, defaults: Defaults, task: Task | None) -> Task:
    """Make the task to call a client back; `task` is one that was made for the call before."""
    if task is not None:
        tasks.reopen(task, None)
        if task.contact_id == call.contact_id:
            return task
        if _was_edited(task):
            tasks.update_task(task, TaskDraft(contact_id=call.contact_id), None)
            return task
    language = responsible.language or defaults.language
    zone = ZoneInfo(responsible.timezone or defaults.timezone)
    title, about = wording.missed_call_task(call, language, zone, defaults.country)
    draft = TaskDraft(
        title=title, about=about, assignee_id=responsible.id, contact_id=call.contact_id
    )
    if task is not None:
        tasks.update_task(task, draft, None)
        return task
    return tasks.create_task(draft.but(due_at=on_day(LocalTime(clock.now(), zone).today)), None)


def _was_edited(task: Task) -> bool:
    """Whether somebody wrote into a task, or gave it to somebody: that stays."""
    edits = JournalEntry.of(RecordKind.TASK, task.id).where(
        JournalEntry.action == "changed", JournalEntry.user_id.is_not(None)
    )
    return db.session.scalars(edits.limit(1)).first() is not None
