"""Leads and the stages of the pipeline."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.contacts.models import Contact
from crm_app.extensions import Model


class StageKind(StrEnum):
    """Whether a lead in the stage is still open, won or lost."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


class LeadStage(Model):
    """One step of the pipeline, named and ordered by the office."""

    __tablename__ = "lead_stage"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    kind: Mapped[StageKind] = mapped_column(String(10), default=StageKind.OPEN)
    position: Mapped[int] = mapped_column(default=0)


class Lead(Model):
    """A possible sale, usually to a contact."""

    __tablename__ = "lead"
    __table_args__ = (
        Index("ix_lead_list", "deleted_at", "created_at", "id"),
        Index("ix_lead_contact_stage", "contact_id", "stage_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"))
    stage_id: Mapped[int] = mapped_column(ForeignKey("lead_stage.id"), index=True)
    value_cents: Mapped[int | None]
    currency: Mapped[str] = mapped_column(String(3), default="EUR")
    source: Mapped[str] = mapped_column(String(60), default="")
    about: Mapped[str] = mapped_column(Text, default="")
    responsible_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), index=True)
    lost_reason: Mapped[str] = mapped_column(String(200), default="")
    closed_at: Mapped[datetime | None]
    search_text: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now)
    deleted_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)

    contact: Mapped[Contact | None] = relationship()
    stage: Mapped[LeadStage] = relationship()
    responsible: Mapped[User | None] = relationship()

    @property
    def is_open(self) -> bool:
        """Tell whether the lead is neither won nor lost."""
        return self.stage.kind == StageKind.OPEN
