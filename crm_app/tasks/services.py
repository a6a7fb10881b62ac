"""The verbs of tasks: each writes its trace in the journal; the caller commits."""

from datetime import UTC
from typing import Any

from sqlalchemy import select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.contacts.models import Contact
from crm_app.database import for_update
from crm_app.extensions import db
from crm_app.records.fields import write
from crm_app.tasks.fields import TaskDraft
from crm_app.tasks.journal_fields import TASK
from crm_app.tasks.models import Task, on_day


def create_task(draft: TaskDraft, by: User | None) -> Task:
    """Add a task; nothing is committed.

    Where the draft does not say who it is for (or that it is for nobody), it is for `by`. Raises
    InvalidInputError: title_empty, assignee_unknown, contact_unknown, lead_unknown.
    """
    if "assignee_id" not in draft.said and by is not None:
        draft = draft.but(assignee_id=by.id)
    task = Task(created_by_id=by.id if by else None)
    _apply(task, draft.whole())
    db.session.add(task)
    db.session.flush()
    TASK.created(task, by)
    return task


def update_task(task: Task, draft: TaskDraft, by: User | None) -> bool:
    """Change what a draft says about a task; True when anything differed from before.

    Raises InvalidInputError: assignee_unknown, contact_unknown, lead_unknown.
    """
    change = TASK.begin(task)
    _apply(task, draft.said)
    return change.write("changed", by) is not None


def move_to_contact(before: Contact, contact: Contact, by: User | None) -> None:
    """Let the tasks of one contact be with another one."""
    theirs = select(Task).where(Task.contact_id == before.id, Task.deleted_at.is_(None))
    for task in db.session.scalars(theirs.order_by(Task.id)).all():
        update_task(task, TaskDraft(contact_id=contact.id), by)


def complete(task: Task, by: User | None) -> None:
    """Tick a task off, for nobody in particular with None; ticking twice changes nothing."""
    for_update(db.session, task)
    if task.completed_at is None:
        change = TASK.begin(task)
        task.completed_at, task.completed_by_id = clock.now(), by.id if by else None
        change.write("completed", by)


def reopen(task: Task, by: User | None) -> None:
    """Take the tick off again; nothing changes where there is none."""
    for_update(db.session, task)
    if task.completed_at is not None:
        change = TASK.begin(task)
        task.completed_at = task.completed_by_id = None
        change.write("reopened", by)


def _apply(task: Task, said: dict[str, Any]) -> None:
    write(said, task, TaskDraft)
    if "due_at" in said:
        due = said["due_at"]
        task.has_time = bool(due and said.get("has_time"))
        if due is not None:
            due = due.astimezone(UTC) if task.has_time else on_day(due.date())
        task.due_at = due
