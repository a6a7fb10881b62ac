"""Dial requests: the calls that users asked the PBX for."""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, Select, String, false, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.callbacks.models import CallBackEvent, EventKind
from crm_app.database import IDS_STAY_UNIQUE
from crm_app.extensions import Model

# How long the screen waits for a sign of the call.
WAITS_FOR = timedelta(seconds=30)
# How long the screen shows that there is none.
SHOWN_FOR = timedelta(seconds=15)


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
FAILED_STATES = (DialState.FAILED, DialState.EXPIRED)
# An event may still come for these: the screen gives up long before the PBX does.
MATCHABLE_STATES = (*PENDING_STATES, DialState.EXPIRED)
# Why a request came to nothing that was given up in one of these states.
GIVEN_UP = {
    DialState.REQUESTED: "timed_out",
    DialState.ACCEPTED: "nobody_picked_up",
    DialState.PICKED_UP: "not_started",
    DialState.UNCERTAIN: "no_answer",
}
# The same of one that the phone in the browser was to dial.
GIVEN_UP_IN_BROWSER = "browser_phone_silent"


class DialRequest(Model):
    """A user asked to be connected with a number; the PBX is asked at most once.

    `pending_key` is `<user>` while the request is open, and the database allows only one: a phone
    rings for one request at a time. It is `failed:<user>:<number>` once it has failed without
    anything being dialled; the next try takes the same row.
    """

    __tablename__ = "dial_request"
    __table_args__ = (Index("ix_dial_request_open", "state", "created_at"), IDS_STAY_UNIQUE)

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
    # The phone is a window of the browser, which dials by itself: the PBX was not asked.
    is_in_browser: Mapped[bool] = mapped_column(default=False, server_default=false())
    # How it took a call-back, or released it again as no call came of it.
    call_back_event_id: Mapped[int | None] = mapped_column(
        ForeignKey("call_back_event.id", ondelete="SET NULL")
    )
    # When the PBX was asked; before that, when the user clicked.
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    settled_at: Mapped[datetime | None]
    # When the user put its row away.
    closed_at: Mapped[datetime | None]

    user: Mapped[User] = relationship()
    call_back_event: Mapped[CallBackEvent | None] = relationship()

    @property
    def has_given_back(self) -> bool:
        """Whether the call-back that it had taken was released again."""
        event = self.call_back_event
        return event is not None and event.kind == EventKind.NOT_CALLED

    @property
    def is_pending(self) -> bool:
        """A call may still come, as far as the screen waits."""
        return self.state in PENDING_STATES and not self.is_overdue

    @property
    def is_overdue(self) -> bool:
        """No call has come for longer than the screen waits."""
        return self.state in PENDING_STATES and clock.now() - self.created_at > WAITS_FOR

    @property
    def reason(self) -> str:
        """The code of why no call came of it, "" while one may still come."""
        if not self.is_overdue:
            return self.error_code
        return GIVEN_UP_IN_BROWSER if self.is_in_browser else GIVEN_UP[self.state]

    @property
    def failed_at(self) -> datetime:
        """When it came to nothing."""
        is_given_up = self.is_overdue or self.state == DialState.EXPIRED
        return self.created_at + WAITS_FOR if is_given_up else (self.settled_at or self.created_at)

    @property
    def changes_at(self) -> datetime:
        """When its row changes by itself: the screen gives it up, or has shown its failure."""
        return self.created_at + WAITS_FOR if self.is_pending else self.failed_at + SHOWN_FOR

    @classmethod
    def newest_of(cls, user_id: int) -> "Select[DialRequest]":
        """Select a user's newest request, the only one that a screen shows."""
        newest = select(cls).where(cls.user_id == user_id)
        return newest.order_by(cls.created_at.desc(), cls.id.desc()).limit(1)

    def is_shown(self, since: datetime) -> bool:
        """Whether a screen that was opened then shows a row for it.

        One that led to a call has none: the call has a card of its own.
        """
        if self.closed_at is not None or self.state == DialState.CONNECTED:
            return False
        if self.is_pending:
            return True
        return self.failed_at > since and self.changes_at > clock.now()
