"""Tasks."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.contacts.models import Contact
from crm_app.extensions import Model
from crm_app.leads.models import Lead

TITLE_LENGTH = 200


def _where(name: str, condition: str, *columns: str) -> Index:
    """Index only the tasks of one group, in the order in which the group is read."""
    where = text(condition)
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


_TO_DO = "completed_at IS NULL AND deleted_at IS NULL"
_DONE = "completed_at IS NOT NULL AND deleted_at IS NULL"


class Task(Model):
    """Something a user must do, with or without a due time, for a contact or a lead or neither."""

    __tablename__ = "task"
    __table_args__ = (
        _where("ix_task_due", _TO_DO, "due_at", "id"),
        _where("ix_task_due_assignee", _TO_DO, "assignee_id", "due_at", "id"),
        _where("ix_task_newest", _TO_DO, "created_at", "id"),
        _where("ix_task_newest_assignee", _TO_DO, "assignee_id", "created_at", "id"),
        _where("ix_task_done", _DONE, "completed_at", "id"),
        _where("ix_task_done_assignee", _DONE, "assignee_id", "completed_at", "id"),
        _where("ix_task_bin", "deleted_at IS NOT NULL", "deleted_at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    about: Mapped[str] = mapped_column(Text, default="")
    due_at: Mapped[datetime | None]
    # True: due at that very minute; False: some time on that day of the calendar, and due_at is
    # then noon in UTC of it (crm_app.tasks.services.on_day).
    has_time: Mapped[bool] = mapped_column(default=False)
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"), index=True)
    lead_id: Mapped[int | None] = mapped_column(ForeignKey("lead.id"), index=True)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    completed_at: Mapped[datetime | None]
    completed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now)
    deleted_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)

    assignee: Mapped[User | None] = relationship(foreign_keys=[assignee_id])
    contact: Mapped[Contact | None] = relationship()
    lead: Mapped[Lead | None] = relationship()

    @property
    def due_day(self) -> date | None:
        """Tell the day of the calendar that a task without a time belongs to."""
        return self.due_at.date() if self.due_at and not self.has_time else None

    @property
    def is_done(self) -> bool:
        """Tell whether the task was ticked off."""
        return self.completed_at is not None

    def is_overdue(self, now: datetime, today: date) -> bool:
        """Tell whether it should have been done by now; `today` is the day where the user is."""
        if self.due_at is None or self.is_done:
            return False
        return self.due_at < now if self.has_time else self.due_at.date() < today
