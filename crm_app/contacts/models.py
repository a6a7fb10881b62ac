"""Contacts: people and companies, with their phones and e-mail addresses."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Computed, ForeignKey, Index, String, Text, exists, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.contacts import search_index
from crm_app.extensions import Model


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


def _alive(name: str, *columns: str) -> Index:
    """An index over the contacts that are not in the bin."""
    condition = text("deleted_at IS NULL")
    return Index(name, *columns, sqlite_where=condition, postgresql_where=condition)


class Contact(Model):
    """A person or company that we know."""

    __tablename__ = "contact"
    # The list is read in the order of one of these, page by page, for each of its filters. They are
    # partial because PostgreSQL does not see that "deleted_at IS NULL" leaves the order intact.
    __table_args__ = (
        _alive("ix_contact_list", "sort_name", "id"),
        _alive("ix_contact_list_responsible", "responsible_id", "sort_name", "id"),
        _alive("ix_contact_list_kind", "kind", "sort_name", "id"),
        _alive("ix_contact_newest", "created_at", "id"),
        _alive("ix_contact_newest_responsible", "responsible_id", "created_at", "id"),
        _alive("ix_contact_newest_kind", "kind", "created_at", "id"),
        Index(
            "ix_contact_do_not_call",
            "do_not_call",
            "sort_name",
            "id",
            sqlite_where=text("do_not_call = 1 AND deleted_at IS NULL"),
            postgresql_where=text("do_not_call AND deleted_at IS NULL"),
        ),
        Index(
            "ix_contact_bin",
            "deleted_at",
            "id",
            sqlite_where=text("deleted_at IS NOT NULL"),
            postgresql_where=text("deleted_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[ContactKind] = mapped_column(String(10), default=ContactKind.PERSON)
    name: Mapped[str] = mapped_column(String(200))
    # The same binary order on both engines, so that a prefix is a range of the index.
    sort_name: Mapped[str] = mapped_column(
        String(200).with_variant(String(200, collation="C"), "postgresql"), default=""
    )
    company_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"), index=True)
    job_title: Mapped[str] = mapped_column(String(120), default="")
    address: Mapped[str] = mapped_column(Text, default="")
    about: Mapped[str] = mapped_column(Text, default="")
    do_not_call: Mapped[bool] = mapped_column(default=False)
    responsible_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    # Everything the contact is found by, normalised (crm_app.search_text), kept by services.
    search_text: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now)
    deleted_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)

    responsible: Mapped[User | None] = relationship()
    company: Mapped["Contact | None"] = relationship(remote_side=[id])
    phones: Mapped[list["ContactPhone"]] = relationship(
        back_populates="contact", cascade="all, delete-orphan", order_by="ContactPhone.position"
    )
    emails: Mapped[list["ContactEmail"]] = relationship(
        back_populates="contact", cascade="all, delete-orphan", order_by="ContactEmail.position"
    )

    @property
    def numbers(self) -> list[str]:
        """List all numbers, the one to call first at the beginning."""
        main = self.main_phone
        return [phone.number for phone in sorted(self.phones, key=lambda one: one is not main)]

    @property
    def main_phone(self) -> "ContactPhone | None":
        """Give the number to call first: the one marked main, else the first."""
        return next((phone for phone in self.phones if phone.is_main), None) or next(
            iter(self.phones), None
        )


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


class NotThisPerson(Model):
    """Somebody said of a call from a number that it was not with this contact, who has it."""

    __tablename__ = "not_this_person"

    number: Mapped[str] = mapped_column(String(40), primary_key=True)
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
