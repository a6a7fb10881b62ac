"""Text messages as the office sees them, and its own texts for new ones."""

from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    Index,
    String,
    Text,
    and_,
    or_,
    select,
    text,
)
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.accounts.rights import Owned
from crm_app.calls.fold.facts import Direction
from crm_app.contacts.models import Contact, ContactPhone, NotThisPerson
from crm_app.database import IDS_STAY_UNIQUE
from crm_app.extensions import Model

PARTY_LENGTH = 40
WORDS_LENGTH = 200
TEMPLATE_NAME_LENGTH = 60
TEMPLATE_LENGTH = 1_000
# The PBX has answered by then, or the server was stopped while it was asked.
ANSWERED_WITHIN = timedelta(minutes=1)
_WAITS = text("direction = 'inbound' AND handled_at IS NULL")


class MessageState(StrEnum):
    """What is known of a message. Whether it arrived is never known: the PBX does not say."""

    RECEIVED = "received"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNCERTAIN = "uncertain"


class Message(Owned, Model):
    """A text message that came in or was sent; one that was sent is stored before.

    `number` is the client's in E.164, or the name under which a company writes; `line` our side of
    it. `owner` is to answer what came in: the client's responsible, else the default responsible,
    else the managers (None), until it is handled.
    """

    __tablename__ = "message"
    __table_args__ = (
        Index("ix_message_at", "at", "id"),
        Index("ix_message_contact", "contact_id", "at"),
        Index("ix_message_number", "number", "at"),
        Index("ix_message_waiting", "at", "id", sqlite_where=_WAITS, postgresql_where=_WAITS),
        IDS_STAY_UNIQUE,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    direction: Mapped[Direction] = mapped_column(String(10))
    at: Mapped[datetime] = mapped_column(default=clock.now)
    number: Mapped[str] = mapped_column(String(PARTY_LENGTH))
    line: Mapped[str] = mapped_column(String(PARTY_LENGTH), default="")
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id", ondelete="SET NULL"))
    text: Mapped[str] = mapped_column(Text)
    state: Mapped[MessageState] = mapped_column(String(10))
    # What it came from; of a message that the PBX posted twice, the first.
    source_id: Mapped[int | None] = mapped_column(ForeignKey("text_message.id"), unique=True)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    handled_at: Mapped[datetime | None]
    # Who sent it, and what became of it: our own code, the PBX's words, what it cost.
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    error_code: Mapped[str] = mapped_column(String(40), default="")
    error_words: Mapped[str] = mapped_column(String(WORDS_LENGTH), default="")
    parts: Mapped[int] = mapped_column(default=0)
    cost: Mapped[str] = mapped_column(String(20), default="")
    currency: Mapped[str] = mapped_column(String(8), default="")

    contact: Mapped[Contact | None] = relationship()
    user: Mapped[User | None] = relationship(foreign_keys=user_id)
    owner: Mapped[User | None] = relationship(foreign_keys=owner_id)
    # Of one that is with nobody: who has its number by now.
    having_number: Mapped[list[Contact]] = relationship(
        secondary=lambda: ContactPhone.__table__,
        primaryjoin=lambda: and_(
            Message.number == foreign(ContactPhone.number), Message.contact_id.is_(None)
        ),
        secondaryjoin=lambda: and_(
            foreign(ContactPhone.contact_id) == Contact.id,
            Contact.deleted_at.is_(None),
            ~NotThisPerson.holds(ContactPhone.number, Contact.id),
        ),
        viewonly=True,
    )

    @property
    def client(self) -> Contact | None:
        """With whom it is: who had the number when it came, else the only one who has it now."""
        if self.contact is not None or len(self.having_number) != 1:
            return self.contact
        return self.having_number[0]

    @property
    def is_incoming(self) -> bool:
        """Whether the client wrote it."""
        return self.direction == Direction.INBOUND

    @property
    def is_uncertain(self) -> bool:
        """Whether nobody knows if it was sent: the PBX did not answer, or we did not hear it."""
        is_late = self.state == MessageState.SENDING and clock.now() - self.at > ANSWERED_WITHIN
        return is_late or self.state == MessageState.UNCERTAIN

    @property
    def price(self) -> Decimal | None:
        """What it cost, None where the PBX did not say."""
        return Decimal(self.cost) if self.cost else None

    @classmethod
    def owned_by(cls, user_id: int) -> ColumnElement[bool]:
        """Say that a message is this user's: sent by them, theirs to answer, or of their client."""
        responsible = (
            select(Contact.responsible_id).where(Contact.id == cls.contact_id).scalar_subquery()
        )
        has_number = cls.having_number.any(Contact.responsible_id == user_id)
        return or_(
            cls.user_id == user_id,
            cls.owner_id == user_id,
            responsible == user_id,
            has_number,
        )


class MessageTemplate(Model):
    """One of the office's texts for messages; `{name}`, `{company}` and `{me}` are filled in."""

    __tablename__ = "message_template"
    __table_args__ = IDS_STAY_UNIQUE

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(TEMPLATE_NAME_LENGTH), unique=True)
    text: Mapped[str] = mapped_column(Text)
