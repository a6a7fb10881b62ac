"""Contacts: people and companies, with their phones and e-mail addresses."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Computed, ForeignKey, String, Text, exists
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm_app import clock, search_index
from crm_app.accounts.models import User
from crm_app.accounts.rights import OwnedByColumns
from crm_app.database import IDS_STAY_UNIQUE
from crm_app.extensions import Model
from crm_app.journal.kinds import RecordKind
from crm_app.records import registry
from crm_app.records.mixin import (
    OUTSIDE_BIN,
    Record,
    index_of_bin,
    index_outside_bin,
    partial_index,
)


class ContactKind(StrEnum):
    """Whether the contact is a human being or an organisation."""

    PERSON = "person"
    COMPANY = "company"


class PhoneKind(StrEnum):
    """Where a number rings."""

    MOBILE = "mobile"
    WORK = "work"
    HOME = "home"
    OTHER = "other"


class Contact(OwnedByColumns, Record, Model):
    """A person or company that we know."""

    __tablename__ = "contact"
    IS_LENT = True
    # The list is read in the order of one of these, page by page, for each of its filters.
    __table_args__ = (
        index_outside_bin("ix_contact_list", "sort_name", "id"),
        index_outside_bin("ix_contact_list_responsible", "responsible_id", "sort_name", "id"),
        index_outside_bin("ix_contact_list_kind", "kind", "sort_name", "id"),
        index_outside_bin("ix_contact_newest", "created_at", "id"),
        index_outside_bin("ix_contact_newest_responsible", "responsible_id", "created_at", "id"),
        index_outside_bin("ix_contact_newest_kind", "kind", "created_at", "id"),
        partial_index(
            "ix_contact_do_not_call",
            f"do_not_call = 1 AND {OUTSIDE_BIN}",
            *("do_not_call", "sort_name", "id"),
            on_postgresql=f"do_not_call AND {OUTSIDE_BIN}",
        ),
        index_of_bin("contact"),
        IDS_STAY_UNIQUE,
    )

    kind: Mapped[ContactKind] = mapped_column(String(10), default=ContactKind.PERSON)
    name: Mapped[str] = mapped_column(String(200))
    # The same binary order on both engines, so that a prefix is a range of the index.
    sort_name: Mapped[str] = mapped_column(
        String(200).with_variant(String(200, collation="C"), "postgresql"), default=""
    )
    company_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"), index=True)
    job_title: Mapped[str] = mapped_column(String(120), default="")
    birthday: Mapped[date | None]
    address: Mapped[str] = mapped_column(Text, default="")
    about: Mapped[str] = mapped_column(Text, default="")
    do_not_call: Mapped[bool] = mapped_column(default=False)
    responsible_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    # Everything the contact is found by, normalised (crm_app.search_text), kept by services.
    search_text: Mapped[str] = mapped_column(Text, default="")

    responsible: Mapped[User | None] = relationship()
    company: Mapped["Contact | None"] = relationship(remote_side="Contact.id")
    phones: Mapped[list["ContactPhone"]] = relationship(
        back_populates="contact", cascade="all, delete-orphan", order_by="ContactPhone.position"
    )
    emails: Mapped[list["ContactEmail"]] = relationship(
        back_populates="contact", cascade="all, delete-orphan", order_by="ContactEmail.position"
    )

    @property
    def is_named(self) -> bool:
        """Whether somebody has typed a name: until then it is a number."""
        return is_name(self.name)

    @property
    def numbers(self) -> list[str]:
        """List all numbers, the one to call first at the beginning."""
        main = self.main_phone
        return [phone.number for phone in sorted(self.phones, key=lambda one: one is not main)]

    @property
    def main_phone(self) -> "ContactPhone | None":
        """Return the number to call first: the one marked main, else the first."""
        return next((phone for phone in self.phones if phone.is_main), None) or next(
            iter(self.phones), None
        )


def is_name(text: str) -> bool:
    """Whether a text is more than the number by which somebody was first known."""
    return any(sign.isalpha() for sign in text)


class ContactPhone(Model):
    """One number of a contact, in E.164. Two contacts may share a number."""

    __tablename__ = "contact_phone"

    id: Mapped[int] = mapped_column(primary_key=True)
    contact_id: Mapped[int] = mapped_column(
        ForeignKey("contact.id", ondelete="CASCADE"), index=True
    )
    number: Mapped[str] = mapped_column(String(20), index=True)
    # The last nine digits, for callers whose number comes without a usable country code.
    tail: Mapped[str] = mapped_column(
        String(20),
        Computed(
            "CASE WHEN length(number) > 9 THEN substr(number, length(number) - 8) ELSE number END",
            persisted=True,
        ),
        index=True,
    )
    kind: Mapped[PhoneKind] = mapped_column(String(10), default=PhoneKind.MOBILE)
    is_main: Mapped[bool] = mapped_column(default=False)
    position: Mapped[int] = mapped_column(default=0)

    contact: Mapped[Contact] = relationship(back_populates="phones")


# As long as the PBX's numbers are kept, some of which belong to no contact.
NUMBER_LENGTH = 40


class NotThisPerson(Model):
    """Somebody said of a call from a number that it was not with this contact, who has it."""

    __tablename__ = "not_this_person"

    number: Mapped[str] = mapped_column(String(NUMBER_LENGTH), primary_key=True)
    contact_id: Mapped[int] = mapped_column(
        ForeignKey("contact.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    @classmethod
    def holds(cls, number: Any, contact_id: Any) -> ColumnElement[bool]:
        """Say that calls from this number are not with this contact."""
        return exists().where(cls.number == number, cls.contact_id == contact_id)


class ContactEmail(Model):
    """One e-mail address of a contact."""

    __tablename__ = "contact_email"

    id: Mapped[int] = mapped_column(primary_key=True)
    contact_id: Mapped[int] = mapped_column(
        ForeignKey("contact.id", ondelete="CASCADE"), index=True
    )
    address: Mapped[str] = mapped_column(String(254))
    position: Mapped[int] = mapped_column(default=0)

    contact: Mapped[Contact] = relationship(back_populates="emails")


search_index.attach(Contact)
NOUN = registry.register(
    registry.Noun(
        RecordKind.CONTACT, Contact, title="name", page="contacts.show", id_name="contact_id"
    )
)
