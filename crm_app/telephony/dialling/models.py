"""Dial requests: the calls that users asked the PBX for."""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, Select, String, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.extensions import Model
from crm_app.telephony.dialling.matching import BELONGS_FOR

# How long the screen waits for a sign of the call.
WAITS_FOR = timedelta(seconds=45)


class DialState(StrEnum):
    """The state of a dial request."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    PICKED_UP = "picked_up"
    UNCERTAIN = "uncertain"
    FAILED = "failed"
    CONNECTED = "connected"
    EXPIRED = "expired"


PENDING_STATES = (
    DialState.REQUESTED,
    DialState.ACCEPTED,
    DialState.PICKED_UP,
    DialState.UNCERTAIN,
)
# An event may still come for these: the screen gives up long before the PBX does.
MATCHABLE_STATES = (*PENDING_STATES, DialState.EXPIRED)


class DialRequest(Model):
    """A user asked to be connected with a number; the PBX is asked at most once.

    `pending_key` is `<user>:<number>` while the request is open; the database allows only one.
    One that was refused at once is kept too, so that its card says why until it is closed;
    `number` is then what was typed.
    """

    __tablename__ = "dial_request"
    __table_args__ = (Index("ix_dial_request_open", "state", "created_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    extension: Mapped[str] = mapped_column(String(5))
    number: Mapped[str] = mapped_column(String(20))
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id", ondelete="SET NULL"))
    lead_id: Mapped[int | None] = mapped_column(ForeignKey("lead.id", ondelete="SET NULL"))
    state: Mapped[DialState] = mapped_column(String(10), default=DialState.REQUESTED)
    error_code: Mapped[str] = mapped_column(String(40), default="")
    pending_key: Mapped[str | None] = mapped_column(String(40), unique=True)
    pbx_call_id: Mapped[str] = mapped_column(String(64), default="", index=True)
    # When the PBX was asked; before that, when the user clicked.
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    settled_at: Mapped[datetime | None]
    # When the user closed the card.
    closed_at: Mapped[datetime | None]

    user: Mapped[User] = relationship()

    @property
    def is_pending(self) -> bool:
        """A call may still come, as far as the screen waits."""
        return self.state in PENDING_STATES and not self.is_overdue

    @property
    def is_overdue(self) -> bool:
        """No call has come for longer than the screen waits."""
        return self.state in PENDING_STATES and clock.now() - self.created_at > WAITS_FOR

    @classmethod
    def shown_to(cls, user_id: int) -> "Select[DialRequest]":
        """Select a user's requests whose cards are on the screen, newest first.

        A request that led to a call is not among them: the call has a card of its own.
        """
        return (
            select(cls)
            .where(
                cls.user_id == user_id,
                cls.closed_at.is_(None),
                cls.state != DialState.CONNECTED,
                cls.created_at > clock.now() - BELONGS_FOR,
            )
            .order_by(cls.id.desc())
            .limit(3)
        )
