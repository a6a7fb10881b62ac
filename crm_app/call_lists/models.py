"""Call lists and their entries: who is to be called, in which order, and what became of it."""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.models import OUTCOME_LENGTH, Call
from crm_app.contacts.models import Contact
from crm_app.database import IDS_STAY_UNIQUE
from crm_app.extensions import Model
from crm_app.leads.models import Lead

NAME_LENGTH = 120
# An entry that its user has done nothing about for so long may be had by others.
HELD_FOR = timedelta(minutes=30)


class Of(StrEnum):
    """What a list was made of."""

    CONTACTS = "contacts"
    LEADS = "leads"


class EntryState(StrEnum):
    """How far an entry has come."""

    WAITING = "waiting"
    HELD = "held"
    DONE = "done"
    SKIPPED = "skipped"


class CallList(Model):
    """A list: `filter_args` is the query string it was made of; who is on it does not change."""

    __tablename__ = "call_list"
    __table_args__ = IDS_STAY_UNIQUE

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    of: Mapped[Of] = mapped_column(String(10))
    filter_args: Mapped[str] = mapped_column(Text, default="")
    calls_do_not_call: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    closed_at: Mapped[datetime | None]

    created_by: Mapped[User] = relationship()

    def may_be_closed_by(self, user: User) -> bool:
        """Whether a user may close or open the list: who made it, and managers."""
        return user.is_manager or user.id == self.created_by_id


class CallListEntry(Model):
    """One to be called. `holder_id` is who has it now: the database lets a user have one a list."""

    __tablename__ = "call_list_entry"
    __table_args__ = (
        UniqueConstraint("list_id", "holder_id"),
        CheckConstraint("contact_id IS NOT NULL OR lead_id IS NOT NULL", name="has_client"),
        Index("ix_call_list_entry_next", "list_id", "state", "position"),
        IDS_STAY_UNIQUE,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey("call_list.id", ondelete="CASCADE"))
    position: Mapped[int]
    # None of a lead that had only a number then: whom it is with is read from the lead.
    contact_id: Mapped[int | None] = mapped_column(
        ForeignKey("contact.id", ondelete="CASCADE"), index=True
    )
    lead_id: Mapped[int | None] = mapped_column(
        ForeignKey("lead.id", ondelete="CASCADE"), index=True
    )
    state: Mapped[EntryState] = mapped_column(String(10), default=EntryState.WAITING)
    holder_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), index=True)
    # When its holder last did something about it; `held_from` is when they got it.
    held_at: Mapped[datetime | None]
    held_from: Mapped[datetime | None]
    # How often it was put back to the end of the list.
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    outcome: Mapped[str] = mapped_column(String(OUTCOME_LENGTH), default="")
    note: Mapped[str] = mapped_column(Text, default="")
    done_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), index=True)
    done_at: Mapped[datetime | None]
    # The call that was written up with it.
    call_id: Mapped[int | None] = mapped_column(
        ForeignKey("call.id", ondelete="SET NULL"), index=True
    )

    call_list: Mapped[CallList] = relationship()
    contact: Mapped[Contact | None] = relationship()
    lead: Mapped[Lead | None] = relationship()
    holder: Mapped[User | None] = relationship(foreign_keys=[holder_id])
    done_by: Mapped[User | None] = relationship(foreign_keys=[done_by_id])
    call: Mapped[Call | None] = relationship()

    @property
    def client(self) -> Contact | None:
        """The contact to call: of a lead that had none, the one it has by now, if any."""
        return self.contact or (self.lead.contact if self.lead else None)

    @property
    def lead_number(self) -> str:
        """The number of a lead that was put on the list by it, "" of everybody else."""
        return self.lead.number if self.lead and self.contact_id is None else ""

    @property
    def name(self) -> str:
        """How the client is called: as the contact, or else as the lead."""
        if self.client:
            return self.client.name
        return self.lead.title if self.lead else ""
