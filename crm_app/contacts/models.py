"""Contacts: people and companies, with their phones and e-mail addresses."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm_app import clock
from crm_app.accounts.models import User
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


class Contact(Model):
    """A person or company that we know."""

    __tablename__ = "contact"
    __table_args__ = (
        # The list is read in this order, page by page, without and with its most used filter.
        Index("ix_contact_list", "deleted_at", "sort_name", "id"),
        Index("ix_contact_list_responsible", "responsible_id", "deleted_at", "sort_name", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[ContactKind] = mapped_column(String(10), default=ContactKind.PERSON)
    name: Mapped[str] = mapped_column(String(200))
    sort_name: Mapped[str] = mapped_column(String(200), default="")
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
    kind: Mapped[PhoneKind] = mapped_column(String(10), default=PhoneKind.MOBILE)
    is_main: Mapped[bool] = mapped_column(default=False)
    position: Mapped[int] = mapped_column(default=0)

    contact: Mapped[Contact] = relationship(back_populates="phones")


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
