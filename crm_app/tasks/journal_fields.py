"""What the journal keeps of tasks, so that any change of one can be undone."""

from datetime import date, datetime
from typing import Any

from crm_app.journal.changes import Keeping, keep
from crm_app.journal.kinds import RecordKind
from crm_app.journal.values import Column, Reference, Value
from crm_app.records.fields import kept
from crm_app.tasks.fields import TaskDraft
from crm_app.tasks.models import Task, on_day


class Due:
    """When a task is due: a moment, or a day of the calendar."""

    name = "due"

    def read(self, task: Task) -> Value:
        """Copy the moment or the day."""
        due = task.due_at
        if due is None:
            return {"value": None}
        return {"value": due.isoformat() if task.has_time else due.date().isoformat()}

    def write(self, task: Task, value: Any) -> None:
        """Set the moment or the day."""
        task.has_time = "T" in (value or "")
        if value is None:
            task.due_at = None
        elif task.has_time:
            task.due_at = datetime.fromisoformat(value)
        else:
            task.due_at = on_day(date.fromisoformat(value))


TASK = keep(
    Keeping(
        RecordKind.TASK,
        Task,
        (
            *kept(TaskDraft, Due(), Reference("lead", "title")),
            Column("completed_at"),
            Column("completed_by_id"),
            Column("deleted_at"),
        ),
        opposites={
            "completed": "reopened",
            "reopened": "completed",
            "deleted": "restored",
            "restored": "deleted",
        },
    )
)
