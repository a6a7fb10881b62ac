"""The journal of changes and the notes, for any kind of record."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Select, String, Text, select
from sqlalchemy.orm import Mapped, mapped_column

from crm_app import clock
from crm_app.extensions import Model


class JournalEntry(Model):
    """One change of one record: who, when, what was done, and each field's old and new value."""

    __tablename__ = "journal_entry"
    __table_args__ = (Index(None, "record_type", "record_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    record_type: Mapped[str] = mapped_column(String(20))
    record_id: Mapped[int]
    action: Mapped[str] = mapped_column(String(20))
    changes: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), index=True)
    at: Mapped[datetime] = mapped_column(default=clock.now)

    @classmethod
    def of(cls, record_type: str, record_id: int) -> "Select[JournalEntry]":
        """Select the changes of one record, the newest first."""
        return (
            select(cls)
            .where(cls.record_type == record_type, cls.record_id == record_id)
            .order_by(cls.id.desc())
        )


class Note(Model):
    """Free text that somebody left on a contact, a lead or a call."""

    __tablename__ = "note"
    __table_args__ = (Index(None, "record_type", "record_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    record_type: Mapped[str] = mapped_column(String(20))
    record_id: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    @classmethod
    def of(cls, record_type: str, record_id: int) -> "Select[Note]":
        """Select the notes on one record, the newest first."""
        return (
            select(cls)
            .where(cls.record_type == record_type, cls.record_id == record_id)
            .order_by(cls.id.desc())
        )
