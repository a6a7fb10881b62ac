"""Missed calls of nobody's client: one open task for the default responsible, until they talk."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, exists, or_, select
from sqlalchemy.orm import aliased

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.fold.facts import Direction
from crm_app.calls.models import Call
from crm_app.contacts.models import Contact
from crm_app.extensions import db
from crm_app.tasks import services as tasks
from crm_app.tasks.fields import TaskDraft
from crm_app.tasks.models import Task
from crm_app.telephony import wording
from crm_app.telephony.models import MissedCallTask, TelephonySettings

# What was missed while no worker ran for longer than this stays in the log alone.
LOOKS_BACK = timedelta(days=7)
_MISSED = ("missed", "voicemail")
_TALKED = ("talking", "answered")
_PER_TURN = 50


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a task is written with for a person who has chosen nothing."""

    language: str
    timezone: str
    country: str


def follow_up(defaults: Defaults) -> int:
    """Make the tasks that missed calls ask for; complete those whose client was talked with.

    Gives how many calls and tasks were followed up; the caller commits.
    """
    # Locks the one row that all workers want: two of them must not make two tasks for one client.
    responsible = TelephonySettings.for_change().default_responsible
    returned = _returned()
    for task, talked_by in returned:
        tasks.complete(task, talked_by)
    unanswered = _unanswered() if responsible else []
    for call in unanswered:
        task = _open_task_for(call) or _make_task(call, responsible, defaults)
        db.session.add(MissedCallTask(call_id=call.id, task_id=task.id))
        db.session.flush()
    return len(returned) + len(unanswered)


def _unanswered() -> list[Call]:
    """List the missed calls of nobody's clients that no task stands for yet, the oldest first."""
    settings = TelephonySettings.current()
    since, responsible = settings.default_responsible_since, settings.default_responsible
    if since is None or responsible is None or not responsible.active:
        return []
    is_nobodys = or_(Contact.responsible_id.is_(None), Contact.deleted_at.is_not(None))
    statement = (
        select(Call)
        .outerjoin(Contact, Contact.id == Call.contact_id)
        .where(
            Call.status.in_(_MISSED),
            Call.direction == Direction.INBOUND,
            Call.started_at >= max(since, clock.now() - LOOKS_BACK),
            # Nobody can call a hidden number back.
            Call.outside_number != "",
            is_nobodys,
            ~exists().where(MissedCallTask.call_id == Call.id),
            ~_talk_after(Call),
        )
        .order_by(Call.started_at, Call.id)
        .limit(_PER_TURN)
    )
    return list(db.session.scalars(statement))


def _returned() -> list[tuple[Task, User | None]]:
    """List the open tasks whose client was talked with since, and who talked."""
    later, later_call = aliased(MissedCallTask), aliased(Call)
    is_not_last = exists().where(
        later.task_id == Task.id,
        later_call.id == later.call_id,
        later_call.started_at > Call.started_at,
    )
    statement = _open_tasks().add_columns(Call).where(_talk_after(Call), ~is_not_last)
    return [
        (task, db.session.scalar(_talks_after(missed).limit(1)))
        for task, missed in db.session.execute(statement)
    ]


def _talk_after(missed: type[Call]) -> ColumnElement[bool]:
    """Ask whether anybody has talked with the client of a missed call since."""
    talk = aliased(Call)
    return exists().where(*_is_talk(talk, missed))


def _talks_after(missed: Call) -> Select[Any]:
    """Select who has talked with the client of a missed call since, the latest first."""
    return (
        select(User)
        .join(Call, Call.user_id == User.id)
        .where(*_is_talk(Call, missed))
        .order_by(Call.started_at.desc())
    )


def _is_talk(talk: Any, missed: Any) -> tuple[ColumnElement[bool], ...]:
    return (
        talk.status.in_(_TALKED),
        talk.is_own_leg.is_(False),
        talk.started_at > missed.started_at,
        _is_same_client(talk, missed),
    )


def _is_same_client(one: Any, other: Any) -> ColumnElement[bool]:
    # A person with two telephones is still one client.
    is_same_number: ColumnElement[bool] = one.outside_number == other.outside_number
    # Two strangers are not one because neither is a contact.
    if other.contact_id is None:
        return is_same_number
    return or_(is_same_number, one.contact_id == other.contact_id)


def _open_tasks() -> Select[Any]:
    return (
        select(Task)
        .join(MissedCallTask, MissedCallTask.task_id == Task.id)
        .join(Call, Call.id == MissedCallTask.call_id)
        .where(Task.completed_at.is_(None), Task.deleted_at.is_(None))
    )


def _open_task_for(call: Call) -> Task | None:
    """Find the open task of an earlier missed call of the same client."""
    statement = _open_tasks().where(_is_same_client(Call, call)).limit(1)
    found: Task | None = db.session.scalar(statement)
    return found


def _make_task(call: Call, responsible: User | None, defaults: Defaults) -> Task:
    language = (responsible.language if responsible else "") or defaults.language
    zone = ZoneInfo((responsible.timezone if responsible else "") or defaults.timezone)
    title, about = wording.missed_call_task(call, language, zone, defaults.country)
    draft = TaskDraft(
        title=title,
        about=about,
        due_at=tasks.on_day(_today(zone)),
        assignee_id=responsible.id if responsible else None,
        contact_id=call.contact_id,
    )
    return tasks.create_task(draft, None)


def _today(zone: ZoneInfo) -> date:
    return clock.now().astimezone(zone).date()
