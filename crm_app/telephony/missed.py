"""Call-back tasks: one open task per client with missed calls, until somebody talks to them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, exists, or_, select
from sqlalchemy.orm import aliased

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.fold.facts import Direction
from crm_app.calls.fold.follow_ups import TALKED
from crm_app.calls.models import Call
from crm_app.extensions import db
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
    """Make the task that a missed call asks for, unless the client has an open one.

    The task goes to the client's responsible, else to the default one. Returns False while that
    person cannot get tasks: try again later. The caller commits.
    """
    # Locks the one row that all workers want: two of them must not make two tasks for one client.
    settings = TelephonySettings.for_change()
    call = _find(pbx_call_id)
    if call is None or not _asks_for_call_back(call):
        return True
    responsible = _responsible_for(call, settings)
    if responsible is None:
        return True
    if not responsible.active:
        return False
    task = db.session.scalar(_open_tasks_with(call).limit(1))
    task = task or _make_task(call, responsible, defaults)
    db.session.add(MissedCallTask(call_id=call.id, task_id=task.id))
    db.session.flush()
    return True


def do_not_call_back(pbx_call_id: str) -> None:
    """Undo `call_back` for a call that turned out not to be missed.

    Its task is completed unless another missed call is behind it. The caller commits.
    """
    TelephonySettings.for_change()
    call = _find(pbx_call_id)
    link = db.session.get(MissedCallTask, call.id) if call is not None else None
    if call is None or link is None or call.is_missed:
        return
    task = db.session.get_one(Task, link.task_id)
    db.session.delete(link)
    db.session.flush()
    is_asked_by_another = exists().where(MissedCallTask.task_id == task.id)
    if task.deleted_at is None and not db.session.scalar(select(is_asked_by_another)):
        tasks.complete(task, None)


def note_talk(pbx_call_id: str) -> None:
    """Complete the open call-back tasks of a client somebody is talking to; the caller commits."""
    # The same lock as in `call_back`, so that one sees the result of the other.
    TelephonySettings.for_change()
    talk = _find(pbx_call_id)
    if talk is None or talk.status not in TALKED:
        return
    later, later_call = aliased(MissedCallTask), aliased(Call)
    was_missed_since = exists().where(
        later.task_id == Task.id,
        later_call.id == later.call_id,
        later_call.started_at > talk.started_at,
    )
    for task in db.session.scalars(_open_tasks_with(talk).where(~was_missed_since)).unique():
        tasks.complete(task, talk.user)


def _find(pbx_call_id: str) -> Call | None:
    statement = select(Call).where(Call.pbx_call_id == pbx_call_id)
    return db.session.scalar(statement.execution_options(populate_existing=True))


def _asks_for_call_back(call: Call) -> bool:
    is_recent = call.started_at >= clock.now() - LOOKS_BACK
    # Nobody can call a hidden number back.
    is_missed = call.is_missed and call.direction == Direction.INBOUND and call.outside_number
    if not (is_missed and is_recent) or db.session.get(MissedCallTask, call.id) is not None:
        return False
    talk_since = exists().where(
        Call.status.in_(TALKED),
        Call.is_own_leg.is_(False),
        Call.started_at > call.started_at,
        _is_with_client_of(call),
    )
    return not db.session.scalar(select(talk_since))


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
    """Ask for the calls of the same client, who may have two telephones."""
    is_same_number = Call.outside_number == call.outside_number
    # Two strangers are not one because neither is a contact.
    if call.contact_id is None:
        return is_same_number
    return or_(is_same_number, Call.contact_id == call.contact_id)


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


def _make_task(call: Call, responsible: User, defaults: Defaults) -> Task:
    language = responsible.language or defaults.language
    zone = ZoneInfo(responsible.timezone or defaults.timezone)
    title, about = wording.missed_call_task(call, language, zone, defaults.country)
    draft = TaskDraft(
        title=title,
        about=about,
        due_at=on_day(LocalTime(clock.now(), zone).today),
        assignee_id=responsible.id,
        contact_id=call.contact_id,
    )
    return tasks.create_task(draft, None)
