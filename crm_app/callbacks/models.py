"""The call-backs: one row for each client who was missed, open until somebody talks with them."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Computed,
    ForeignKey,
    Index,
    String,
    Text,
    or_,
    select,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.accounts.rights import Owned
from crm_app.calls.models import Call
from crm_app.contacts.models import NUMBER_LENGTH, Contact
from crm_app.database import IDS_STAY_UNIQUE
from crm_app.extensions import Model

TEXT_LENGTH = 500
_OPEN, _DONE = text("done_at IS NULL"), text("done_at IS NOT NULL")
_HAS_CONTACT, _HAS_NONE = text("contact_id IS NOT NULL"), text("contact_id IS NULL")


class DoneHow(StrEnum):
    """Why a call-back is done."""

    TALK = "talk"
    HAND = "hand"
    # None of its calls turned out to be missed.
    WITHDRAWN = "withdrawn"


class EventKind(StrEnum):
    """What happened to a call-back, besides the calls themselves."""

    OPENED = "opened"
    TALKED = "talked"
    WITHDRAWN = "withdrawn"
    TAKEN = "taken"
    RELEASED = "released"
    # It was taken for a call of which nothing came.
    NOT_CALLED = "not_called"
    REASSIGNED = "reassigned"
    SNOOZED = "snoozed"
    UNSNOOZED = "unsnoozed"
    DONE = "done"
    REOPENED = "reopened"
    JOINED = "joined"
    ESCALATED = "escalated"
    # Who had taken it is away, or has not been seen for long.
    LEFT = "left"
    LEFT_UNSEEN = "left_unseen"
    LENT = "lent"
    LENT_UNSEEN = "lent_unseen"
    RETURNED = "returned"
    NOTED = "noted"


class CallBack(Owned, Model):
    """One client to call back; the next missed call opens the same row again.

    A client is a contact, or a number that belongs to no contact (`number`, whose value for a
    contact is the number that was missed last). The counts, times and the number are kept up to
    date from the call log by `callbacks.projection`; the rest is what people and the clock did.
    """

    __tablename__ = "call_back"
    __table_args__ = (
        # The database itself keeps two rows from being about one client.
        Index(
            "ix_call_back_contact", "contact_id",
            unique=True, sqlite_where=_HAS_CONTACT, postgresql_where=_HAS_CONTACT,
        ),
        Index(
            "ix_call_back_number", "number",
            unique=True, sqlite_where=_HAS_NONE, postgresql_where=_HAS_NONE,
        ),
        CheckConstraint("contact_id IS NOT NULL OR number <> ''", name="has_client"),
        Index("ix_call_back_due", "due_at", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index(
            "ix_call_back_due_holder", "holder_id", "due_at", "id",
            sqlite_where=_OPEN, postgresql_where=_OPEN,
        ),
        Index("ix_call_back_done", "done_at", "id", sqlite_where=_DONE, postgresql_where=_DONE),
        Index("ix_call_back_tail", "tail", sqlite_where=_HAS_NONE, postgresql_where=_HAS_NONE),
        Index("ix_call_back_closed_by", "closed_by_call_id"),
        IDS_STAY_UNIQUE,
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"))
    number: Mapped[str] = mapped_column(String(NUMBER_LENGTH), default="")
    # Its last nine digits, by which a contact that gets the number finds it.
    tail: Mapped[str] = mapped_column(
        String(NUMBER_LENGTH),
        Computed(
            "CASE WHEN length(number) > 9 THEN substr(number, length(number) - 8) ELSE number END",
            persisted=True,
        ),
    )
    did: Mapped[str] = mapped_column(String(NUMBER_LENGTH), default="")
    # Whose it is; None for the pool. `is_chosen`: somebody said so, and no rule changes it.
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    is_chosen: Mapped[bool] = mapped_column(default=False)
    taken_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    taken_at: Mapped[datetime | None]
    # While its owner is away it is the deputy's, without one the pool's.
    lent_at: Mapped[datetime | None]
    lent_to_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    # Who is to call now: who has taken it, else whose it is for now; None for the pool.
    holder_id: Mapped[int | None] = mapped_column(
        Computed(
            "CASE WHEN taken_by_id IS NOT NULL THEN taken_by_id "
            "WHEN lent_at IS NOT NULL THEN lent_to_id ELSE owner_id END",
            persisted=True,
        )
    )
    due_at: Mapped[datetime] = mapped_column(default=clock.now)
    # When it was due before somebody snoozed it.
    snoozed_from: Mapped[datetime | None]
    escalated_at: Mapped[datetime | None]
    reminded_at: Mapped[datetime | None]
    # Calls missed since the last talk, the first and the last of them.
    misses: Mapped[int] = mapped_column(default=0)
    first_missed_at: Mapped[datetime] = mapped_column(default=clock.now)
    missed_at: Mapped[datetime] = mapped_column(default=clock.now)
    # Calls to the client since then that led to no talk.
    tries: Mapped[int] = mapped_column(default=0)
    tried_at: Mapped[datetime | None]
    tried_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    done_at: Mapped[datetime | None]
    done_how: Mapped[DoneHow | None] = mapped_column(String(10))
    done_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    done_reason: Mapped[str] = mapped_column(String(TEXT_LENGTH), default="")
    closed_by_call_id: Mapped[int | None] = mapped_column(
        ForeignKey("call.id", ondelete="SET NULL")
    )
    # Somebody opened it again: talks before that do not close it.
    reopened_at: Mapped[datetime | None]

    contact: Mapped[Contact | None] = relationship()
    owner: Mapped[User | None] = relationship(foreign_keys=owner_id)
    taken_by: Mapped[User | None] = relationship(foreign_keys=taken_by_id)
    lent_to: Mapped[User | None] = relationship(foreign_keys=lent_to_id)
    tried_by: Mapped[User | None] = relationship(foreign_keys=tried_by_id)
    done_by: Mapped[User | None] = relationship(foreign_keys=done_by_id)
    closed_by_call: Mapped[Call | None] = relationship()

    @property
    def state(self) -> str:
        """Give open, taken or done."""
        if self.done_at is not None:
            return "done"
        return "taken" if self.taken_by_id is not None else "open"

    @property
    def holder(self) -> User | None:
        """Who is to call now, as `holder_id` says."""
        return self.taken_by or (self.lent_to if self.lent_at else self.owner)

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to call."""
        return self.done_at is None

    @classmethod
    def owned_by(cls, user_id: int) -> ColumnElement[bool]:
        """Say that a call-back is in the pool, this user's, or of a client of theirs."""
        responsible = (
            select(Contact.responsible_id).where(Contact.id == cls.contact_id).scalar_subquery()
        )
        return or_(
            cls.holder_id.is_(None),
            cls.holder_id == user_id,
            cls.owner_id == user_id,
            responsible == user_id,
        )


class CallBackMiss(Model):
    """A missed call for which somebody is to be called back; decided when it was missed."""

    __tablename__ = "call_back_miss"

    call_id: Mapped[int] = mapped_column(
        ForeignKey("call.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    call_back_id: Mapped[int] = mapped_column(
        ForeignKey("call_back.id", ondelete="CASCADE"), index=True
    )


class CallBackEvent(Model):
    """One thing that happened to a call-back; `user` did it, `other` is whom it concerns."""

    __tablename__ = "call_back_event"
    __table_args__ = (Index(None, "call_back_id", "id"), IDS_STAY_UNIQUE)

    id: Mapped[int] = mapped_column(primary_key=True)
    call_back_id: Mapped[int] = mapped_column(ForeignKey("call_back.id", ondelete="CASCADE"))
    kind: Mapped[EventKind] = mapped_column(String(12))
    at: Mapped[datetime] = mapped_column(default=clock.now)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    other_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    call_id: Mapped[int | None] = mapped_column(ForeignKey("call.id", ondelete="SET NULL"))
    until: Mapped[datetime | None]
    text: Mapped[str] = mapped_column(Text, default="")

    user: Mapped[User | None] = relationship(foreign_keys=user_id)
    other: Mapped[User | None] = relationship(foreign_keys=other_id)
