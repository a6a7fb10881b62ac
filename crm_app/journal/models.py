"""The journal of changes and the notes, for any kind of record."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    ForeignKey,
    Index,
    Select,
    String,
    Text,
    func,
    select,
)  # fmt: skip
from sqlalchemy.orm import (
    InstrumentedAttribute,
    Mapped,
    aliased,
    joinedload,
    mapped_column,
    relationship,
)

from crm_app import clock
from crm_app.database import IDS_STAY_UNIQUE
from crm_app.extensions import Model
from crm_app.journal.values import FieldChange, words

# Users live above the journal; only their name is needed here, and the mapper finds it by itself.
if TYPE_CHECKING:
    from crm_app.accounts.models import User


class JournalEntry(Model):
    """One change of one record: who, when, what was done, and each field's old and new value.

    `changes` are `values.Changes`. An entry belongs to a `batch` when it was done together with
    others, and `undoes` another one when it undid that one.
    """

    __tablename__ = "journal_entry"
    __table_args__ = (Index(None, "record_type", "record_id", "id"), IDS_STAY_UNIQUE)

    id: Mapped[int] = mapped_column(primary_key=True)
    record_type: Mapped[str] = mapped_column(String(20))
    record_id: Mapped[int]
    action: Mapped[str] = mapped_column(String(20))
    changes: Mapped[dict[str, FieldChange]] = mapped_column(JSON, default=dict)
    # Of the record, where it has versions; None before for what was created.
    version_before: Mapped[int | None]
    version_after: Mapped[int | None]
    batch: Mapped[str | None] = mapped_column(String(32), index=True)
    undoes_id: Mapped[int | None] = mapped_column(
        ForeignKey("journal_entry.id", ondelete="SET NULL"), index=True
    )
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), index=True)
    at: Mapped[datetime] = mapped_column(default=clock.now)

    user: Mapped["User | None"] = relationship("User")

    @property
    def shown(self) -> dict[str, list[Any]]:
        """The old and new words of each field, or the values that pages word."""
        return {
            field: [words(change["old"]), words(change["new"])]
            for field, change in self.changes.items()
        }

    @classmethod
    def of(cls, record_type: str, record_id: int) -> "Select[JournalEntry]":
        """Select the changes of one record with their authors, the newest first."""
        return (
            select(cls)
            .options(joinedload(cls.user))
            .where(cls.record_type == record_type, cls.record_id == record_id)
            .order_by(cls.id.desc())
        )

    @classmethod
    def last_by(
        cls, user_id: int, record_type: str, record_id: InstrumentedAttribute[int], action: str
    ) -> ColumnElement[bool]:
        """Build the condition that this user was the last to do this to a row's record."""
        entry, later = aliased(cls), aliased(cls)
        last = (
            select(func.max(later.id))
            .where(
                later.record_type == record_type,
                later.record_id == record_id,
                later.action == action,
            )
            .correlate(record_id.class_)
            .scalar_subquery()
        )
        return select(entry.id).where(entry.id == last, entry.user_id == user_id).exists()


class Note(Model):
    """A note on a contact, a lead or a call."""

    __tablename__ = "note"
    __table_args__ = (Index(None, "record_type", "record_id", "id"), IDS_STAY_UNIQUE)

    id: Mapped[int] = mapped_column(primary_key=True)
    record_type: Mapped[str] = mapped_column(String(20))
    record_id: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    user: Mapped["User | None"] = relationship("User")

    @classmethod
    def of(cls, record_type: str, record_id: int) -> "Select[Note]":
        """Select the notes on one record with their authors, the newest first."""
        return (
            select(cls)
            .options(joinedload(cls.user))
            .where(cls.record_type == record_type, cls.record_id == record_id)
            .order_by(cls.id.desc())
        )
