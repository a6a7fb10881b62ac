"""The groups of the task list: overdue, today, upcoming, without a day, done."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_
from sqlalchemy.orm import InstrumentedAttribute, joinedload
from sqlalchemy.orm.interfaces import ORMOption

from crm_app.contacts.models import Contact
from crm_app.extensions import db
from crm_app.leads.models import Lead
from crm_app.local_time import LocalTime
from crm_app.paging import PAGE_SIZE, Page, fetch_page
from crm_app.tasks.models import Task, on_day

GROUPS = ("overdue", "today", "upcoming", "someday", "done")
# So many of each group are shown together; the rest is one click away.
SHOWN_TOGETHER = 20
SHOWN_DONE = 5
SHOWN_IN_BOX = 50


def in_group(group: str, local: LocalTime) -> ColumnElement[bool]:
    """Say which tasks belong to a group; ValueError for a group there is not."""
    today = on_day(local.today)
    to_do = Task.completed_at.is_(None)
    by_group: dict[str, ColumnElement[bool]] = {
        "overdue": _due(Task.due_at < local.now, Task.due_at < today),
        "today": _due(
            and_(Task.due_at >= local.now, Task.due_at < local.day_ends_at), Task.due_at == today
        ),
        "upcoming": _due(Task.due_at >= local.day_ends_at, Task.due_at > today),
        "someday": Task.due_at.is_(None),
    }
    if group == "done":
        return Task.completed_at.is_not(None)
    if group not in by_group:
        raise ValueError(group)
    return and_(to_do, by_group[group])


def due_by_tonight(local: LocalTime) -> ColumnElement[bool]:
    """Say which tasks are overdue or due today."""
    return and_(
        Task.completed_at.is_(None),
        _due(Task.due_at < local.day_ends_at, Task.due_at <= on_day(local.today)),
    )


def newest(tasks: Select[Task], cursor: str) -> dict[str, Page[Task]]:
    """Read one page of all that is to be done, what was written down last coming first."""
    to_do = tasks.where(Task.completed_at.is_(None)).options(*names())
    keys = [Task.created_at, Task.id]
    return {"to_do": fetch_page(db.session(), to_do, keys, cursor=cursor, descending=True)}


def groups_of(
    tasks: Select[Task], local: LocalTime, only: str, cursor: str
) -> dict[str, Page[Task]]:
    """Read the beginnings of all groups, or one page of the only one that is wanted."""
    if only:
        return {only: _page_of_group(tasks, only, local, cursor, PAGE_SIZE)}
    sizes = {group: SHOWN_DONE if group == "done" else SHOWN_TOGETHER for group in GROUPS}
    return {group: _page_of_group(tasks, group, local, "", size) for group, size in sizes.items()}


def _page_of_group(
    visible: Select[Task], group: str, local: LocalTime, cursor: str, size: int
) -> Page[Task]:
    """Read one page of a group: what is due first comes first, of the done the last done."""
    keys: Sequence[InstrumentedAttribute[Any]] = [Task.due_at, Task.id]
    if group == "someday":
        keys = [Task.id]
    elif group == "done":
        keys = [Task.completed_at, Task.id]
    return fetch_page(
        db.session(),
        visible.where(in_group(group, local)).options(*names()),
        keys,
        cursor=cursor,
        descending=group in {"someday", "done"},
        size=size,
    )


def names() -> tuple[ORMOption, ...]:
    """Read the names that a row shows along with the tasks."""
    return (
        joinedload(Task.assignee),
        joinedload(Task.contact).load_only(
            Contact.name, Contact.responsible_id, Contact.deleted_at
        ),
        joinedload(Task.lead).load_only(Lead.title, Lead.responsible_id, Lead.deleted_at),
    )


def for_box(visible: Select[Task]) -> list[Task]:
    """Read a box of tasks: those to do by their due time, then the last ones done."""
    to_do = (
        visible.where(Task.completed_at.is_(None))
        .order_by(Task.due_at.is_(None), Task.due_at, Task.id)
        .limit(SHOWN_IN_BOX)
    )
    done = (
        visible.where(Task.completed_at.is_not(None))
        .order_by(Task.completed_at.desc(), Task.id.desc())
        .limit(SHOWN_DONE)
    )
    return [
        *db.session.scalars(to_do.options(*names())),
        *db.session.scalars(done.options(*names())),
    ]


def _due(timed: ColumnElement[bool], on_a_day: ColumnElement[bool]) -> ColumnElement[bool]:
    return or_(and_(Task.has_time, timed), and_(~Task.has_time, on_a_day))
