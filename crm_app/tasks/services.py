"""The verbs of tasks: each writes its trace in the journal; the caller commits."""

from datetime import UTC, date, datetime, time
from typing import Any, TypedDict, Unpack

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.contacts.models import Contact
from crm_app.database import hold
from crm_app.extensions import db
from crm_app.journal import services as journal
from crm_app.journal.kinds import RecordKind
from crm_app.leads.models import Lead
from crm_app.tasks.models import Task
from crm_app.text import required

NOON = time(12, tzinfo=UTC)


class TaskDetails(TypedDict, total=False):
    """What may be said about a task beside its title."""

    assignee: User | None
    due_at: datetime | None
    has_time: bool
    contact_id: int | None
    lead_id: int | None
    about: str


class TaskChanges(TaskDetails, total=False):
    """What may be changed on a task."""

    title: str


def on_day(day: date) -> datetime:
    """Write "some time on that day" as a moment: noon in UTC, whatever anybody's zone is.

    A task without a time belongs to a day of the calendar, not to 24 hours somewhere; noon in
    UTC is that same day almost everywhere, and `due_day` reads it back exactly.
    """
    return datetime.combine(day, NOON)


def create_task(title: str, by: User | None, **details: Unpack[TaskDetails]) -> Task:
    """Add a task, for `by` when no `assignee` is said (not even None); nothing is committed.

    With `has_time` the task is due at the very minute of `due_at` (aware); without it, on the
    day that `due_at` shows in its own zone. Raises InvalidInputError: title_empty.
    """
    details.setdefault("assignee", by)
    task = Task(title=required(title, "title_empty", "title"), created_by_id=by.id if by else None)
    _assign(task, details)
    db.session.add(task)
    db.session.flush()
    journal.record(RecordKind.TASK, task.id, "created", by)
    return task


def update_task(task: Task, by: User, **changes: Unpack[TaskChanges]) -> bool:
    """Change what is said about a task and tell whether anything differed from before.

    Raises InvalidInputError: title_empty.
    """
    before = described(task)
    _assign(task, changes)
    if "title" in changes:
        task.title = required(changes["title"], "title_empty", "title")
    differences = journal.difference(before, described(task))
    if differences:
        _trace(task, "changed", by, differences)
    return bool(differences)


def complete(task: Task, by: User | None) -> None:
    """Tick a task off, for nobody in particular with None; ticking twice changes nothing."""
    hold(db.session, task)
    if task.completed_at is None:
        task.completed_at, task.completed_by_id = clock.now(), by.id if by else None
        _trace(task, "completed", by)


def reopen(task: Task, by: User) -> None:
    """Take the tick off again."""
    hold(db.session, task)
    if task.completed_at is not None:
        task.completed_at = task.completed_by_id = None
        _trace(task, "reopened", by)


def described(task: Task) -> dict[str, Any]:
    """Describe a task for the journal, with names instead of ids."""
    due = task.due_at
    if due is None:
        shown_due = None
    else:
        shown_due = due.isoformat() if task.has_time else due.date().isoformat()
    return {
        "title": task.title,
        "about": task.about,
        "due": shown_due,
        "assignee": task.assignee.name if task.assignee else "",
        "contact": task.contact.name if task.contact else "",
        "lead": task.lead.title if task.lead else "",
    }


def _assign(task: Task, values: TaskDetails | TaskChanges) -> None:
    if "assignee" in values:
        task.assignee = values["assignee"]
    if "contact_id" in values:
        contact_id = values["contact_id"]
        task.contact = db.session.get(Contact, contact_id) if contact_id else None
    if "lead_id" in values:
        lead_id = values["lead_id"]
        task.lead = db.session.get(Lead, lead_id) if lead_id else None
    if "about" in values:
        task.about = values["about"]
    if "due_at" in values:
        due = values["due_at"]
        task.has_time = bool(due and values.get("has_time"))
        if due is not None:
            due = due.astimezone(UTC) if task.has_time else on_day(due.date())
        task.due_at = due


def _trace(task: Task, action: str, by: User | None, changes: dict[str, Any] | None = None) -> None:
    task.touch()
    db.session.flush()
    journal.record(RecordKind.TASK, task.id, action, by, changes)
