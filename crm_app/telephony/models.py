"""What we know of the PBX, the calls that users asked it for, and what we could not read."""

import json
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    Select,
    String,
    Text,
    false,
    select,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.encryption import ENCRYPTED, Vault
from crm_app.extensions import Model, db
from crm_app.telephony.matching import BELONGS_FOR

# How long the screen waits for a sign of the call that was asked for.
WAITS_FOR = timedelta(seconds=45)


class TelephonySettings(Model):
    """How the office is joined to its PBX. There is one row; key and secret are encrypted."""

    __tablename__ = "telephony_settings"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id: Mapped[int] = mapped_column(primary_key=True, default=1, autoincrement=False)
    key_locked: Mapped[str] = mapped_column(Text, default="", info=ENCRYPTED)
    secret_locked: Mapped[str] = mapped_column(Text, default="", info=ENCRYPTED)
    connected_at: Mapped[datetime | None]
    webhook_token: Mapped[str] = mapped_column(String(64), default="")
    # Whoever gets what belongs to nobody: one person, so that five do not each think another did.
    default_responsible_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    # Calls missed before somebody was responsible make no tasks.
    default_responsible_since: Mapped[datetime | None]
    shows_caller_name: Mapped[bool] = mapped_column(default=True)
    extensions_json: Mapped[str] = mapped_column(Text, default="[]")
    extensions_at: Mapped[datetime | None]
    balance_cents: Mapped[int | None]
    balance_currency: Mapped[str] = mapped_column(String(8), default="")
    balance_at: Mapped[datetime | None]
    clock_zone: Mapped[str] = mapped_column(String(40), default="")
    clock_offset_seconds: Mapped[int | None]
    # When the API was last asked with these keys, and what it answered if not what was asked.
    tested_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(String(40), default="")

    default_responsible: Mapped[User | None] = relationship()

    @classmethod
    def current(cls) -> Self:
        """Give the row, or one that is not stored yet with everything as it is at the start."""
        return db.session.get(cls, 1) or cls(
            id=1,
            key_locked="",
            secret_locked="",
            webhook_token="",
            shows_caller_name=True,
            extensions_json="[]",
            balance_currency="",
            clock_zone="",
            last_error="",
        )

    @classmethod
    def for_change(cls) -> Self:
        """Give the row locked until the end of the transaction, made if there is none yet."""
        found = db.session.get(cls, 1, with_for_update=True)
        if found is None:
            found = cls.current()
            db.session.add(found)
        return found

    @property
    def is_connected(self) -> bool:
        """Tell whether key and secret are there."""
        return bool(self.key_locked and self.secret_locked)

    @property
    def extensions(self) -> list[str]:
        """List the extensions that the PBX had when it was last asked."""
        return [str(number) for number in json.loads(self.extensions_json)]

    def keys(self, vault: Vault) -> tuple[str, str]:
        """Give key and secret; raises WrongKeyError when they were encrypted with another key."""
        return vault.decrypt(self.key_locked), vault.decrypt(self.secret_locked)

    def lock_keys(self, key: str, secret: str, vault: Vault) -> None:
        """Keep key and secret, encrypted."""
        self.key_locked, self.secret_locked = vault.encrypt(key), vault.encrypt(secret)


class MissedCallTask(Model):
    """The task that stands for a missed call; several calls of one client share an open one."""

    __tablename__ = "missed_call_task"

    call_id: Mapped[int] = mapped_column(
        ForeignKey("call.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    task_id: Mapped[int] = mapped_column(ForeignKey("task.id", ondelete="CASCADE"), index=True)


class DialState(StrEnum):
    """How far a click on a number has come."""

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
# An event can still turn up for these: the screen gives up long before the PBX does.
MATCHABLE_STATES = (*PENDING_STATES, DialState.EXPIRED)


class DialRequest(Model):
    """A user's wish to be connected with a number, asked of the PBX at most once.

    `pending_key` is `<user>:<number>` while the wish is open; the database lets only one be.
    A wish that was refused at once is kept too, so that its card says why until it is closed;
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
    # When the PBX was asked; until then, when the user clicked.
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    settled_at: Mapped[datetime | None]
    # The user has put the card away.
    closed_at: Mapped[datetime | None]

    user: Mapped[User] = relationship()

    @property
    def is_pending(self) -> bool:
        """Tell whether something may still come of the wish, as far as the screen waits."""
        return self.state in PENDING_STATES and not self.is_overdue

    @property
    def is_overdue(self) -> bool:
        """Tell whether no call has come of the wish for longer than the screen waits."""
        return self.state in PENDING_STATES and clock.now() - self.created_at > WAITS_FOR

    @classmethod
    def shown_to(cls, user_id: int) -> "Select[DialRequest]":
        """Select a user's wishes whose cards are still on the screen, newest first.

        A call that has come of a wish has a card of its own.
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


class UnreadableRequest(Model):
    """A request to the webhook that could not be understood or stored, kept as it came.

    Only the PBX can have sent those that are genuine: they are taken in when we understand them.
    """

    __tablename__ = "unreadable_request"

    id: Mapped[int] = mapped_column(primary_key=True)
    received_at: Mapped[datetime] = mapped_column(default=clock.now)
    sender: Mapped[str] = mapped_column(String(45), default="")
    content_type: Mapped[str] = mapped_column(String(200), default="")
    reason: Mapped[str] = mapped_column(String(80), default="")
    is_genuine: Mapped[bool] = mapped_column(default=False, server_default=false())
    body: Mapped[bytes] = mapped_column(LargeBinary)
