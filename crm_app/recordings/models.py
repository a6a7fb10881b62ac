"""The tables of recordings: their files, who listened, what was said, how long they are kept."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    Select,
    String,
    Text,
    UniqueConstraint,
    false,
    select,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm_app import clock, search_index
from crm_app.accounts.models import User
from crm_app.calls.models import Call
from crm_app.database import IDS_STAY_UNIQUE
from crm_app.extensions import Model, db
from crm_app.search_text import normalise

REASON_LENGTH = 20


class State(StrEnum):
    """Where a recording is: awaited, here, not to be had, or deleted by us."""

    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"
    DELETED = "deleted"


class Recording(Model):
    """One sound file of a call, and what became of it.

    `reason` says why it is not ready; `tries` counts the times that the PBX was asked for it in
    vain. A row is never deleted: once the file is, it is the receipt, with both ends' answers.
    """

    __tablename__ = "recording"
    __table_args__ = (
        UniqueConstraint("call_id", "recording_id"),
        Index("ix_recording_list", "recorded_at", "id"),
        Index("ix_recording_name", "recording_id"),
        Index(
            "ix_recording_kept", "recorded_at",
            sqlite_where=text("state <> 'deleted'"), postgresql_where=text("state <> 'deleted'"),
        ),
        Index(
            "ix_recording_deleted", "deleted_at",
            sqlite_where=text("state = 'deleted'"), postgresql_where=text("state = 'deleted'"),
        ),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[int] = mapped_column(ForeignKey("call.id", ondelete="CASCADE"))
    # What the PBX named it, "" where it has said only that there is one.
    recording_id: Mapped[str] = mapped_column(String(120))
    # By which the PBX has it, where that is something else: read from its link, or named later.
    found_id: Mapped[str] = mapped_column(String(120), default="", server_default="")
    # Somebody asked for it, so it is fetched although copies are switched off.
    is_by_hand: Mapped[bool] = mapped_column(default=False, server_default=false())
    # When its call began: keeping it is counted from there.
    recorded_at: Mapped[datetime]
    noted_at: Mapped[datetime] = mapped_column(default=clock.now)
    state: Mapped[State] = mapped_column(String(10), default=State.PENDING.value)
    reason: Mapped[str] = mapped_column(String(REASON_LENGTH), default="")
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime | None]
    name: Mapped[str] = mapped_column(String(80), default="")
    size: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64), default="")
    seconds: Mapped[float | None] = mapped_column(Double)
    media_type: Mapped[str] = mapped_column(String(20), default="")
    is_stereo: Mapped[bool] = mapped_column(default=False)
    peaks: Mapped[bytes] = mapped_column(LargeBinary, default=b"", deferred=True)
    fetched_at: Mapped[datetime | None]
    # Kept for a dispute: nobody deletes it until it is released.
    held_at: Mapped[datetime | None]
    held_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    hold_reason: Mapped[str] = mapped_column(String(200), default="")
    deleted_at: Mapped[datetime | None]
    # None when its time was over.
    deleted_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    deletion: Mapped[str] = mapped_column(String(20), default="")
    here_at: Mapped[datetime | None]
    here_answer: Mapped[str] = mapped_column(String(REASON_LENGTH), default="")
    pbx_at: Mapped[datetime | None]
    pbx_answer: Mapped[str] = mapped_column(String(REASON_LENGTH), default="")

    call: Mapped[Call] = relationship()
    held_by: Mapped[User | None] = relationship(foreign_keys=held_by_id)
    deleted_by: Mapped[User | None] = relationship(foreign_keys=deleted_by_id)
    transcript: Mapped["Transcript | None"] = relationship(back_populates="recording")

    @property
    def is_held(self) -> bool:
        """Whether nobody's job may delete it."""
        return self.held_at is not None

    @property
    def pbx_id(self) -> str:
        """By which the PBX gives and deletes it, as far as is known."""
        return self.found_id or self.recording_id

    def ids_of_others(self) -> set[str]:
        """Read by which ids the PBX has the other recordings of its call; asks the database."""
        others = select(Recording).where(Recording.call_id == self.call_id, Recording.id != self.id)
        return {other.pbx_id for other in db.session.scalars(others)}

    @classmethod
    def of(cls, call_id: int) -> "Select[Recording]":
        """Select the recordings of a call in the order in which they are numbered from one."""
        return select(cls).where(cls.call_id == call_id).order_by(cls.recording_id, cls.id)


class ListeningKind(StrEnum):
    """What somebody did with a recording."""

    LISTENED = "listened"
    DOWNLOADED = "downloaded"


class Listening(Model):
    """Somebody heard a recording for three seconds, or took its file."""

    __tablename__ = "listening"
    __table_args__ = (
        Index("ix_listening_list", "at", "id"),
        Index("ix_listening_user", "user_id", "at", "id"),
        Index("ix_listening_recording", "recording_id", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=clock.now)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    recording_id: Mapped[int] = mapped_column(ForeignKey("recording.id", ondelete="CASCADE"))
    kind: Mapped[ListeningKind] = mapped_column(String(12))
    # Where in the recording they began, in seconds.
    position: Mapped[int] = mapped_column(default=0)

    user: Mapped[User] = relationship()
    recording: Mapped[Recording] = relationship()


class Transcript(Model):
    """What the PBX recognised in a recording: phrases with their time and channel."""

    __tablename__ = "transcript"
    __table_args__ = IDS_STAY_UNIQUE

    id: Mapped[int] = mapped_column(primary_key=True)
    recording_id: Mapped[int] = mapped_column(
        ForeignKey("recording.id", ondelete="CASCADE"), unique=True
    )
    state: Mapped[str] = mapped_column(String(12), default="pending")
    language: Mapped[str] = mapped_column(String(12), default="")
    phrases: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    asked_at: Mapped[datetime] = mapped_column(default=clock.now)
    tries: Mapped[int] = mapped_column(default=0)
    search_text: Mapped[str] = mapped_column(Text, default="", server_default="")

    recording: Mapped[Recording] = relationship(back_populates="transcript")

    def phrase_with(self, query: str) -> str:
        """Return the first phrase that holds most of the words that were looked for."""
        terms = normalise(query).split()
        texts = [str(phrase["text"]) for phrase in self.phrases]
        return max(texts, key=lambda said: sum(t in normalise(said) for t in terms), default="")


search_index.attach(Transcript)


class LineRetention(Model):
    """How many days the recordings of one line are kept, 0 for ever; others go by the switch."""

    __tablename__ = "line_retention"

    line: Mapped[str] = mapped_column(String(40), primary_key=True)
    days: Mapped[int]
