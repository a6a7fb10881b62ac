"""Tasks."""

from datetime import UTC, date, datetime, time

from sqlalchemy import ColumnElement, ForeignKey, String, Text, or_, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.accounts.presence import services as presence
from crm_app.accounts.rights import OwnedByColumns
from crm_app.contacts.models import Contact
from crm_app.database import IDS_STAY_UNIQUE
from crm_app.extensions import Model
from crm_app.journal.kinds import RecordKind
from crm_app.leads.models import Lead
from crm_app.records import registry
from crm_app.records.mixin import OUTSIDE_BIN, Record, index_of_bin, partial_index

TITLE_LENGTH = 200
NOON = time(12, tzinfo=UTC)


def on_day(day: date) -> datetime:
    """Write "some time on that day" as a moment: noon in UTC, whatever anybody's zone is.

    A task without a time belongs to a day of the calendar, not to 24 hours somewhere; noon in
    UTC is that same day almost everywhere, and `due_day` reads it back exactly.
    """
    return datetime.combine(day, NOON)


_TO_DO = f"completed_at IS NULL AND {OUTSIDE_BIN}"
_DONE = f"completed_at IS NOT NULL AND {OUTSIDE_BIN}"


class Task(OwnedByColumns, Record, Model):
    """Something a user must do, with or without a due time, for a contact or a lead or neither."""

    __tablename__ = "task"
    OWNERS = ("assignee_id", "created_by_id")
    __table_args__ = (
        partial_index("ix_task_due", _TO_DO, "due_at", "id"),
        partial_index("ix_task_due_assignee", _TO_DO, "assignee_id", "due_at", "id"),
        partial_index("ix_task_newest", _TO_DO, "created_at", "id"),
        partial_index("ix_task_newest_assignee", _TO_DO, "assignee_id", "created_at", "id"),
        partial_index("ix_task_done", _DONE, "completed_at", "id"),
        partial_index("ix_task_done_assignee", _DONE, "assignee_id", "completed_at", "id"),
        index_of_bin("task"),
        IDS_STAY_UNIQUE,
    )

    title: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    about: Mapped[str] = mapped_column(Text, default="")
    due_at: Mapped[datetime | None]
    # True: due at that minute; False: some time on that day of the calendar, and due_at is then
    # noon in UTC of it (on_day).
    has_time: Mapped[bool] = mapped_column(default=False)
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"), index=True)
    lead_id: Mapped[int | None] = mapped_column(ForeignKey("lead.id"), index=True)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    completed_at: Mapped[datetime | None]
    completed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))

    assignee: Mapped[User | None] = relationship(foreign_keys=[assignee_id])
    contact: Mapped[Contact | None] = relationship()
    lead: Mapped[Lead | None] = relationship()

    @classmethod
    def owned_by(cls, user_id: int) -> ColumnElement[bool]:
        """Say that a task is this user's own, or that of somebody away for whom they stand in."""
        away = select(User.id).where(
            User.active, User.deputy_id == user_id, presence.is_away(clock.now())
        )
        return or_(super().owned_by(user_id), cls.assignee_id.in_(away))

    def is_owned_by(self, user_id: int) -> bool:
        """Answer the same for one task that is at hand."""
        other = self.assignee
        stands_in = other is not None and other.active and other.deputy_id == user_id
        return super().is_owned_by(user_id) or (
            stands_in and other is not None and presence.is_away_now(other)
        )

    @property
    def due_day(self) -> date | None:
        """Return the day of the calendar that a task without a time belongs to."""
        return self.due_at.date() if self.due_at and not self.has_time else None

    @property
    def is_done(self) -> bool:
        """Whether the task was ticked off."""
        return self.completed_at is not None

    def is_overdue(self, now: datetime, today: date) -> bool:
        """Whether it should have been done by now; `today` is the day where the user is."""
        if self.due_at is None or self.is_done:
            return False
        return self.due_at < now if self.has_time else self.due_at.date() < today


NOUN = registry.register(
    registry.Noun(RecordKind.TASK, Task, title="title", page="tasks.show", id_name="task_id")
)
