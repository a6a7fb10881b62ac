"""The verbs of tasks: each writes its trace in the journal; the caller commits."""

from datetime import UTC, datetime
from typing import TypedDict, Unpack

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.contacts.models import Contact
from crm_app.database import hold
from crm_app.extensions import db
from crm_app.leads.models import Lead
from crm_app.tasks.kept import TASK
from crm_app.tasks.models import Task
from crm_app.tasks.models import on_day as on_day
from crm_app.text import required


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
    TASK.created(task, by)
    return task


def update_task(task: Task, by: User, **changes: Unpack[TaskChanges]) -> bool:
    """Change what is said about a task and tell whether anything differed from before.

    Raises InvalidInputError: title_empty.
    """
    change = TASK.begin(task)
    _assign(task, changes)
    if "title" in changes:
        task.title = required(changes["title"], "title_empty", "title")
    return change.write("changed", by) is not None


def complete(task: Task, by: User | None) -> None:
    """Tick a task off, for nobody in particular with None; ticking twice changes nothing."""
    hold(db.session, task)
    if task.completed_at is None:
        change = TASK.begin(task)
        task.completed_at, task.completed_by_id = clock.now(), by.id if by else None
        change.write("completed", by)


def reopen(task: Task, by: User) -> None:
    """Take the tick off again."""
    hold(db.session, task)
    if task.completed_at is not None:
        change = TASK.begin(task)
        task.completed_at = task.completed_by_id = None
        change.write("reopened", by)


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
