"""What can be said about a task."""

from datetime import date, datetime
from typing import Annotated

from crm_app.records.fields import Draft, Field, Kind
from crm_app.tasks.models import TITLE_LENGTH, Task
from crm_app.text import N_


def check_day(day: date) -> str:
    """Return the code of the refusal of a day or moment that no calendar of ours reaches."""
    return "" if 1970 <= day.year <= 2999 else "day_out_of_range"


def _check_moment(moment: datetime) -> str:
    return "not_accepted" if moment.tzinfo is None else check_day(moment)


class TaskDraft(Draft):
    """What is said about a task.

    With `has_time` it is due at the very minute of `due_at` (aware); without it, on the day that
    `due_at` shows in its own zone.
    """

    record = Task

    title: Annotated[str, Field(N_("Task"), length=TITLE_LENGTH, required="title_empty")] = ""
    about: Annotated[str, Field(N_("About"), Kind.TEXT, length=10_000)] = ""
    due_at: Annotated[datetime | None, Field(N_("Due"), Kind.OWN, check=_check_moment)] = None
    has_time: Annotated[bool, Field(N_("Time"), Kind.OWN)] = False
    assignee_id: Annotated[int | None, Field(N_("For"), Kind.PERSON)] = None
    contact_id: Annotated[int | None, Field(N_("Contact"), Kind.RECORD)] = None
    lead_id: Annotated[int | None, Field(N_("Lead"), Kind.RECORD)] = None
