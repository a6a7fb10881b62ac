"""Leads and the stages of the pipeline."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from crm_app import search_index
from crm_app.accounts.models import User
from crm_app.accounts.rights import OwnedByColumns
from crm_app.contacts.models import NUMBER_LENGTH, Contact
from crm_app.database import IDS_STAY_UNIQUE
from crm_app.extensions import Model
from crm_app.journal.kinds import RecordKind
from crm_app.records import registry
from crm_app.records.mixin import Record, index_of_bin, index_outside_bin
from crm_app.search_text import normalise


class StageKind(StrEnum):
    """Whether a lead in the stage is still open, won or lost."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


STAGE_NAME_LENGTH = 60
LOST_REASON_LENGTH = 200


class LeadStage(Model):
    """One step of the pipeline, named and ordered by the office."""

    __tablename__ = "lead_stage"
    __table_args__ = IDS_STAY_UNIQUE

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(STAGE_NAME_LENGTH))
    kind: Mapped[StageKind] = mapped_column(String(10), default=StageKind.OPEN)
    position: Mapped[int] = mapped_column(default=0)


def _in_binary_order(length: int) -> String:
    """Keep a text that sorts alike on both engines."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


class Lead(OwnedByColumns, Record, Model):
    """A possible sale, usually to a contact."""

    __tablename__ = "lead"
    # The list is read in each of its orders by one of three, page by page: for all leads, for those
    # of somebody, for those in a stage.
    __table_args__ = (
        index_outside_bin("ix_lead_list", "created_at", "id"),
        index_outside_bin("ix_lead_list_responsible", "responsible_id", "created_at", "id"),
        index_outside_bin("ix_lead_list_stage", "stage_id", "created_at", "id"),
        index_outside_bin("ix_lead_recent", "updated_at", "id"),
        index_outside_bin("ix_lead_recent_responsible", "responsible_id", "updated_at", "id"),
        index_outside_bin("ix_lead_recent_stage", "stage_id", "updated_at", "id"),
        index_outside_bin("ix_lead_title", "sort_title", "id"),
        index_outside_bin("ix_lead_title_responsible", "responsible_id", "sort_title", "id"),
        index_outside_bin("ix_lead_title_stage", "stage_id", "sort_title", "id"),
        index_outside_bin("ix_lead_value", "sort_value", "id"),
        index_outside_bin("ix_lead_value_responsible", "responsible_id", "sort_value", "id"),
        index_outside_bin("ix_lead_value_stage", "stage_id", "sort_value", "id"),
        Index("ix_lead_contact_stage", "contact_id", "stage_id"),
        Index(
            "ix_lead_number",
            "number",
            sqlite_where=text("number <> ''"),
            postgresql_where=text("number <> ''"),
        ),
        index_of_bin("lead"),
        IDS_STAY_UNIQUE,
    )

    title: Mapped[str] = mapped_column(String(200))
    sort_title: Mapped[str] = mapped_column(_in_binary_order(200), default="", server_default="")
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"))
    # Of a lead without a contact, the number (E.164) from which it came.
    number: Mapped[str] = mapped_column(String(NUMBER_LENGTH), default="", server_default="")
    stage_id: Mapped[int] = mapped_column(ForeignKey("lead_stage.id"), index=True)
    value_cents: Mapped[int | None] = mapped_column(BigInteger)
    # The digits of the value, all equally long, which sort as it does; never NULL, as paging needs.
    sort_value: Mapped[str] = mapped_column(_in_binary_order(20), default="", server_default="")
    currency: Mapped[str] = mapped_column(String(3), default="EUR")
    source: Mapped[str] = mapped_column(String(60), default="")
    about: Mapped[str] = mapped_column(Text, default="")
    responsible_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), index=True)
    lost_reason: Mapped[str] = mapped_column(String(LOST_REASON_LENGTH), default="")
    closed_at: Mapped[datetime | None]
    search_text: Mapped[str] = mapped_column(Text, default="")

    contact: Mapped[Contact | None] = relationship()
    stage: Mapped[LeadStage] = relationship()
    responsible: Mapped[User | None] = relationship()

    @property
    def own_number(self) -> str:
        """The number to call where no contact has one for it."""
        return self.number if self.contact_id is None else ""

    @property
    def is_open(self) -> bool:
        """Whether the lead is neither won nor lost."""
        return self.stage.kind == StageKind.OPEN

    @validates("title")
    def _sort_by_title(self, _key: str, title: str) -> str:
        self.sort_title = normalise(title)[:200]
        return title

    @validates("value_cents")
    def _sort_by_value(self, _key: str, cents: int | None) -> int | None:
        self.sort_value = "" if cents is None else f"{cents:019d}"
        return cents


search_index.attach(Lead)
NOUN = registry.register(
    registry.Noun(RecordKind.LEAD, Lead, title="title", page="leads.show", id_name="lead_id")
)
