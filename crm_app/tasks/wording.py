"""The sentences about tasks: their fields, when they are due, what was done to them."""

from datetime import date, datetime, timedelta
from typing import Any

from flask_babel import format_date
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from crm_app.journal.history import History
from crm_app.journal.kinds import RecordKind
from crm_app.local_time import LocalTime
from crm_app.records.views import Words
from crm_app.records.wording import labels
from crm_app.tasks.fields import TaskDraft
from crm_app.tasks.models import Task
from crm_app.web.display.formatting import choose_timezone, clock_time, when

LABELS = labels(TaskDraft)

ACTIONS: dict[str, Any] = {
    "created": _l("created the task"),
    "changed": _l("changed the task"),
    "completed": _l("completed the task"),
    "reopened": _l("reopened the task"),
    "deleted": _l("put the task in the bin"),
    "restored": _l("took the task out of the bin"),
}

GROUP_NAMES: dict[str, Any] = {
    "to_do": _l("To do, the newest first"),
    "overdue": _l("Overdue"),
    "today": _l("Today"),
    "upcoming": _l("Upcoming"),
    "someday": _l("Without a day"),
    "done": _l("Done recently"),
}


def due(task: Task) -> str:
    """Say when a task is due, as short as its distance allows: today 10:42, tomorrow, 3 Mar."""
    if task.due_at is None:
        return ""
    local = LocalTime.of(choose_timezone())
    if not task.has_time:
        return _day(task.due_at.date(), local.today)
    shown_day = _day(task.due_at.astimezone(local.zone).date(), local.today)
    return f"{shown_day} {clock_time(task.due_at)}"


def is_overdue(task: Task) -> bool:
    """Whether a task should have been done by now, where the user is."""
    local = LocalTime.of(choose_timezone())
    return task.is_overdue(local.now, local.today)


def _day(day: date, today: date) -> str:
    near = {-1: _("yesterday"), 0: _("today"), 1: _("tomorrow")}
    distance = (day - today) // timedelta(days=1)
    if distance in near:
        return str(near[distance])
    # A date of the calendar must not be turned by anybody's zone, so no moment is formatted here.
    return str(format_date(day, "d MMM" if day.year == today.year else "medium"))


def _worded(field: str, value: Any) -> str:
    if field != "due" or not value:
        return str(value or "")
    if "T" in value:
        return when(datetime.fromisoformat(value))
    return str(format_date(date.fromisoformat(value), "medium"))


HISTORY = History(RecordKind.TASK, LABELS, ACTIONS, _worded)

WORDS = Words(
    one=_l("Task"),
    all=_l("Tasks"),
    deleted=_l("Deleted tasks"),
    waiting=_l("Deleted tasks wait here until somebody restores them."),
    binned=lambda _name: _("The task is in the bin."),
    restored=lambda _name: _("The task is back."),
)
