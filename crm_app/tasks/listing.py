"""The groups of the task list: overdue, today, upcoming, without a day, done."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, or_
from sqlalchemy.orm import joinedload
from sqlalchemy.orm.interfaces import ORMOption

from crm_app.accounts import rights
from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb
from crm_app.contacts.models import Contact
from crm_app.extensions import db
from crm_app.leads.models import Lead
from crm_app.local_time import LocalTime
from crm_app.paging import PAGE_SIZE, Page
from crm_app.records.lists import (
    ALL,
    ME,
    ListFilter,
    SortOrder,
    belonging_to,
    one_of,
    row_id,
    whose,
)
from crm_app.tasks.models import Task, on_day

GROUPS = ("overdue", "today", "upcoming", "someday", "done")
# So many of each group are shown together; the rest is one click away.
SHOWN_TOGETHER = 20
SHOWN_DONE = 5
SHOWN_IN_BOX = 50
_BY_DUE_TIME = SortOrder((Task.due_at, Task.id))
# What is due first comes first, of the done the last done.
_ORDERS_OF_GROUPS = {
    "someday": SortOrder((Task.id,), descending=True),
    "done": SortOrder((Task.completed_at, Task.id), descending=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFilter(ListFilter):
    """What of the tasks is wanted; mine, or all of a contact, unless something else is said."""

    ORDERS = {
        "due": _BY_DUE_TIME,
        "newest": SortOrder((Task.created_at, Task.id), descending=True),
    }
    assignee: str = whose(ALL, otherwise=ME)
    contact: int | None = row_id()
    group: str = one_of(GROUPS)

    @property
    def whom(self) -> str:
        """Whose tasks are meant: all that is to be done for a client matters to who looks at it."""
        return self.assignee or (ME if self.contact is None else ALL)

    @property
    def is_newest(self) -> bool:
        """Whether the list is one of all that is to be done, instead of groups."""
        return self.order == "newest"

    @property
    def only(self) -> str:
        """The only group that is wanted, "" for all."""
        return "" if self.is_newest else self.group

    def conditions(self, user: User, local: LocalTime) -> list[ColumnElement[bool]]:
        """Return what must hold for a task."""
        return [*self.in_any_group(user), *([in_group(self.only, local)] if self.only else [])]

    def in_any_group(self, user: User) -> list[ColumnElement[bool]]:
        """Return what must hold for a task, whichever group it belongs to."""
        conditions = belonging_to(Task.assignee_id, self.whom, user)
        if self.contact is not None:
            conditions.append(Task.contact_id == self.contact)
        return conditions


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


def list_tasks(
    user: User, filters: TaskFilter, local: LocalTime, cursor: str
) -> dict[str, Page[Task]]:
    """Read the beginnings of all groups, one page of the only one that is wanted, or the newest."""
    tasks = rights.allowed(user, Task, Verb.VIEW).where(*filters.in_any_group(user))
    if filters.is_newest:
        return {"to_do": newest(tasks, cursor)}
    if filters.only:
        return {filters.only: _page_of_group(tasks, filters.only, local, cursor, PAGE_SIZE)}
    sizes = {group: SHOWN_DONE if group == "done" else SHOWN_TOGETHER for group in GROUPS}
    return {group: _page_of_group(tasks, group, local, "", size) for group, size in sizes.items()}


def newest(tasks: Select[Task], cursor: str) -> Page[Task]:
    """Read one page of all that is to be done, what was written down last coming first."""
    to_do = tasks.where(Task.completed_at.is_(None)).options(*names())
    return TaskFilter.ORDERS["newest"].page(to_do, cursor)


def _page_of_group(
    tasks: Select[Task], group: str, local: LocalTime, cursor: str, size: int
) -> Page[Task]:
    order = _ORDERS_OF_GROUPS.get(group, _BY_DUE_TIME)
    return order.page(tasks.where(in_group(group, local)).options(*names()), cursor, size)


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
