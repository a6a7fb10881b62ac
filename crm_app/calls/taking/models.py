"""Steps in which earlier calls were given to somebody, so that each can be taken back."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.contacts.models import NUMBER_LENGTH, Contact
from crm_app.database import IDS_STAY_UNIQUE
from crm_app.extensions import Model


class TakenCalls(Model):
    """The calls that a contact took along with a number, or a user with an extension.

    An extension counts for all calls that began before `created_at` and in which nobody had it,
    until the step is undone: the fold asks for it whenever such a call is written.
    """

    __tablename__ = "taken_calls"
    __table_args__ = (
        Index("ix_taken_calls_contact", "contact_id", "id"),
        Index("ix_taken_calls_extension", "extension", "created_at"),
        IDS_STAY_UNIQUE,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id", ondelete="CASCADE"))
    number: Mapped[str] = mapped_column(String(NUMBER_LENGTH), default="")
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    extension: Mapped[str] = mapped_column(String(10), default="")
    count: Mapped[int] = mapped_column(default=0)
    by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    done_at: Mapped[datetime | None]
    undone_at: Mapped[datetime | None]

    contact: Mapped[Contact | None] = relationship()
    owner: Mapped[User | None] = relationship(foreign_keys=owner_id)
    by: Mapped[User | None] = relationship(foreign_keys=by_id)
