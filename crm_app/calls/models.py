"""The call log: facts as they came, and what the fold makes of them."""

from datetime import date, datetime

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    Index,
    Select,
    String,
    Text,
    UniqueConstraint,
    literal_column,
    or_,
    select,
    text,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, aliased, mapped_column, relationship, validates

from crm_app import clock, search_index
from crm_app.accounts.models import User
from crm_app.accounts.rights import Owned
from crm_app.calls.fold.facts import CallPhase, Direction, Disposition, Fact, FactKind
from crm_app.calls.fold.legs import LegState
from crm_app.calls.fold.why_missed import WhyMissed
from crm_app.calls.store import responsible_trigger
from crm_app.contacts.models import Contact
from crm_app.extensions import Model
from crm_app.journal.kinds import RecordKind
from crm_app.leads.models import Lead
from crm_app.records import registry
from crm_app.search_text import normalise
from crm_app.tasks.models import Task

# A client rang, and none of us talked.
MISSED = ("missed", "voicemail")
TALKS = ("talking", "answered")
# Of a phone that has or had the call.
HAD_IT = (LegState.TALKING.value, LegState.TALKED.value)


class CallFact(Model):
    """One fact, stored once: everything else in the log can be recomputed.

    It is never changed, except that the moment of a row of the statistics, which follows from its
    text, is worked out again when the account's clock turns out to be another.
    """

    __tablename__ = "call_fact"
    __table_args__ = (
        Index(None, "pbx_call_id", "id"),
        # When each kind came last, and the pages of the journal.
        Index("ix_call_fact_kind", "kind", "received_at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    pbx_call_id: Mapped[str] = mapped_column(String(64))
    kind: Mapped[FactKind] = mapped_column(String(20))
    content_key: Mapped[str] = mapped_column(String(64), unique=True)
    received_at: Mapped[datetime]
    # Whose extension the fact names, at that time: extensions change hands, the log must not.
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    # The same of all others that it names, as JSON; None where it names no other.
    owners: Mapped[str | None] = mapped_column(Text)
    # Which of its short numbers were extensions, and which reading of a number a contact had, as
    # JSON; None where there was nothing to ask.
    known: Mapped[str | None] = mapped_column(Text)
    data: Mapped[str] = mapped_column(Text)
    raw: Mapped[str] = mapped_column(Text, default="")

    user: Mapped[User | None] = relationship()

    @property
    def fact(self) -> Fact:
        """The fact itself, with what was known of its numbers."""
        return Fact.from_json(self.data).knowing(self.known)

    @classmethod
    def of(cls, pbx_call_id: str) -> "Select[CallFact]":
        """Select the facts of one call in the order they were stored."""
        return select(cls).where(cls.pbx_call_id == pbx_call_id).order_by(cls.id)


class Call(Owned, Model):
    """One attempt to talk: a projection of its facts, plus what people attached to it by hand."""

    __tablename__ = "call"
    __table_args__ = (
        # Each filter of the list reads one index in the order of the list.
        Index("ix_call_list", "started_at", "id"),
        Index("ix_call_list_direction", "direction", "started_at", "id"),
        Index("ix_call_list_status", "status", "started_at", "id"),
        Index("ix_call_list_user", "user_id", "started_at", "id"),
        Index("ix_call_list_did", "did", "started_at", "id"),
        Index("ix_call_list_contact", "contact_id", "started_at", "id"),
        Index("ix_call_list_number", "outside_number", "started_at", "id"),
        Index("ix_call_list_responsible", "responsible_id", "started_at", "id"),
        Index(
            "ix_call_listed_on",
            "listed_on",
            sqlite_where=text("listed_on IS NOT NULL"),
            postgresql_where=text("listed_on IS NOT NULL"),
        ),
        Index(
            "ix_call_list_why_missed",
            "why_missed",
            "started_at",
            "id",
            sqlite_where=text("why_missed IS NOT NULL"),
            postgresql_where=text("why_missed IS NOT NULL"),
        ),
        # By which those are found that have changed since they were counted.
        Index("ix_call_updated_at", "updated_at"),
        Index(
            "ix_call_taken",
            "taken_id",
            sqlite_where=text("taken_id IS NOT NULL"),
            postgresql_where=text("taken_id IS NOT NULL"),
        ),
        Index(
            "ix_call_live",
            "phase",
            sqlite_where=text("phase <> 'ended'"),
            postgresql_where=text("phase <> 'ended'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    pbx_call_id: Mapped[str] = mapped_column(String(64), unique=True)
    direction: Mapped[Direction] = mapped_column(String(10))
    phase: Mapped[CallPhase] = mapped_column(String(10))
    status: Mapped[str] = mapped_column(String(20))
    disposition: Mapped[Disposition | None] = mapped_column(String(20))
    disposition_raw: Mapped[str] = mapped_column(String(120), default="")
    is_own_leg: Mapped[bool] = mapped_column(default=False)
    outside_number: Mapped[str] = mapped_column(String(40), default="")
    # What the PBX put in the place of a number that is not shown.
    outside_name: Mapped[str] = mapped_column(String(60), default="", server_default="")
    did: Mapped[str] = mapped_column(String(40), default="")
    started_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ring_seconds: Mapped[int | None]
    talk_seconds: Mapped[int | None]
    answered_by_extension: Mapped[str] = mapped_column(String(10), default="")
    placed_by_extension: Mapped[str] = mapped_column(String(10), default="")
    # Who talked, or placed the call; of several the last.
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    # Who has the call now, None when nobody talks.
    talking_user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    recording_count: Mapped[int] = mapped_column(default=0)
    # The day under which the PBX's statistics list it, by the account's clock.
    listed_on: Mapped[date | None]
    # Of a missed or refused call; the opening hours are no part of it.
    why_missed: Mapped[WhyMissed | None] = mapped_column(String(20))
    # The one contact that has the number, or the one that somebody chose; a choice is never undone
    # by folding again.
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id", ondelete="SET NULL"))
    contact_is_chosen: Mapped[bool] = mapped_column(default=False)
    # A copy of the contact's, by which a list finds its rows; rights are asked of the contact.
    responsible_id: Mapped[int | None]
    # The step in which the contact took it along, with a number that came later.
    taken_id: Mapped[int | None]
    lead_id: Mapped[int | None] = mapped_column(
        ForeignKey("lead.id", ondelete="SET NULL"), index=True
    )
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now)

    user: Mapped[User | None] = relationship(foreign_keys=user_id)
    contact: Mapped[Contact | None] = relationship()
    lead: Mapped[Lead | None] = relationship()
    legs: Mapped[list["CallLeg"]] = relationship(
        back_populates="call", order_by="CallLeg.id", passive_deletes=True
    )
    recordings: Mapped[list["CallRecording"]] = relationship(
        back_populates="call", order_by="CallRecording.recording_id", passive_deletes=True
    )
    # What was saved about it, by each colleague; drafts are not among them.
    write_ups: Mapped[list["CallWrapup"]] = relationship(
        primaryjoin="and_(Call.id == CallWrapup.call_id, CallWrapup.saved_at.is_not(None))",
        order_by="CallWrapup.id",
        viewonly=True,
    )

    @hybrid_property
    def is_missed(self) -> bool:
        """Whether a client rang and none of us talked, as far as we heard."""
        is_unheard = self.status == Disposition.UNFINISHED and self.direction == Direction.INBOUND
        return self.status in MISSED or (is_unheard and self.answered_at is None)

    @is_missed.inplace.expression
    @classmethod
    def _is_missed(cls) -> ColumnElement[bool]:
        is_unheard = (cls.status == Disposition.UNFINISHED) & (cls.direction == Direction.INBOUND)
        return cls.status.in_(MISSED) | (is_unheard & cls.answered_at.is_(None))

    @hybrid_property
    def has_talk(self) -> bool:
        """Whether anybody talks or talked with the other side, as far as we heard."""
        is_unfinished = self.status == Disposition.UNFINISHED and self.answered_at is not None
        return self.status in TALKS or is_unfinished

    @has_talk.inplace.expression
    @classmethod
    def _has_talk(cls) -> ColumnElement[bool]:
        is_unfinished = (cls.status == Disposition.UNFINISHED) & cls.answered_at.is_not(None)
        return cls.status.in_(TALKS) | is_unfinished

    @property
    def phones_that_rang(self) -> list["CallLeg"]:
        """List one leg of each phone that rang, in the order of the extensions."""
        # Not in the order of arrival: of two calls at once the same phones would stand differently.
        by_phone = {leg.extension: leg for leg in reversed(self.legs)}
        return sorted(by_phone.values(), key=lambda leg: (len(leg.extension), leg.extension))

    @property
    def is_live(self) -> bool:
        """Whether the call rings or somebody talks."""
        return self.phase != CallPhase.ENDED

    @classmethod
    def live(cls) -> "Select[Call]":
        """Select the calls that ring or in which somebody talks, in no order."""
        # As a literal: for a parameter SQLite does not use the index, which holds only these, and
        # nor does it when it can read the calls in an order by reading all there ever were.
        return select(cls).where(cls.phase != literal_column(f"'{CallPhase.ENDED.value}'"))

    @classmethod
    def owned_by(cls, user_id: int) -> ColumnElement[bool]:
        """Say that a user had a part in a call, or that it was with a contact of theirs."""
        return or_(cls.has_part(user_id), cls.is_with_contact_of(user_id))

    @classmethod
    def has_part(cls, user_id: int) -> ColumnElement[bool]:
        """Say that a user talked in a call, placed it, or that it rang at their phone."""
        leg = aliased(CallLeg)
        rang = select(leg.id).where(leg.call_id == cls.id, leg.user_id == user_id)
        return or_(cls.user_id == user_id, rang.correlate(cls).exists())

    @classmethod
    def talked_by(cls, user_ids: Select[int] | list[int]) -> ColumnElement[bool]:
        """Say that one of these users talked in a call; a phone that only rang hears nothing."""
        leg = aliased(CallLeg)
        talked = select(leg.id).where(
            leg.call_id == cls.id, leg.user_id.in_(user_ids), leg.answered_at.is_not(None)
        )
        return or_(cls.user_id.in_(user_ids), talked.correlate(cls).exists())

    @classmethod
    def talked_with(cls, user_id: int) -> ColumnElement[bool]:
        """Say that a user had a call in which there was a talk."""
        leg = aliased(CallLeg)
        had_it = select(leg.id).where(
            leg.call_id == cls.id, leg.user_id == user_id, leg.state.in_(HAD_IT)
        )
        return or_(cls.user_id == user_id, had_it.correlate(cls).exists())

    @classmethod
    def was_written_up(cls, *how: ColumnElement[bool]) -> ColumnElement[bool]:
        """Say that somebody has written a call up, and how."""
        saved = select(CallWrapup.id).where(
            CallWrapup.call_id == cls.id, CallWrapup.saved_at.is_not(None), *how
        )
        return saved.correlate(cls).exists()

    @classmethod
    def is_with_contact_of(cls, user_id: int) -> ColumnElement[bool]:
        """Say that a user is responsible for the contact of a call."""
        # As a value, not a join: the list must be read in the order of its index.
        responsible = (
            select(Contact.responsible_id).where(Contact.id == cls.contact_id).scalar_subquery()
        )
        return responsible == user_id


responsible_trigger.attach(Call)


class CallLeg(Model):
    """One extension's part in a call."""

    __tablename__ = "call_leg"
    __table_args__ = (
        UniqueConstraint("call_id", "extension", "transferred_from"),
        Index("ix_call_leg_list", "user_id", "started_at", "call_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[int] = mapped_column(ForeignKey("call.id", ondelete="CASCADE"))
    extension: Mapped[str] = mapped_column(String(10))
    transferred_from: Mapped[str] = mapped_column(String(10), default="")
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    # Where this phone is in the call: cards read it, and work nothing out.
    state: Mapped[LegState] = mapped_column(String(10), default=LegState.DONE.value)
    # When the call began.
    started_at: Mapped[datetime]
    rang_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]
    # How long this phone had the call; None while it talks and when that is not known.
    talk_seconds: Mapped[int | None]

    call: Mapped[Call] = relationship(back_populates="legs")
    user: Mapped[User | None] = relationship()

    @property
    def came_at(self) -> datetime | None:
        """When the call came to this phone as what it is to it now."""
        return self.rang_at if self.state == LegState.RINGING else self.answered_at


class CallRecording(Model):
    """One sound file of a call, under the id by which the PBX gives it."""

    __tablename__ = "call_recording"
    __table_args__ = (UniqueConstraint("call_id", "recording_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[int] = mapped_column(ForeignKey("call.id", ondelete="CASCADE"))
    recording_id: Mapped[str] = mapped_column(String(120))

    call: Mapped[Call] = relationship(back_populates="recordings")


# Of the code of an outcome, which a wrap-up holds too.
OUTCOME_LENGTH = 30


class CallOutcome(Model):
    """One choice of the wrap-up, named and ordered by the office."""

    __tablename__ = "call_outcome"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(OUTCOME_LENGTH), unique=True)
    label: Mapped[str] = mapped_column(String(60))
    position: Mapped[int] = mapped_column(default=0)
    # Offered no more; calls that were written up with it keep its name.
    removed_at: Mapped[datetime | None]


class CallWrapup(Model):
    """What one user did about one call: the pop-up closed, the outcome, a note, a next task."""

    __tablename__ = "call_wrapup"
    __table_args__ = (
        UniqueConstraint("call_id", "user_id"),
        Index(
            "ix_call_wrapup_waiting",
            "user_id",
            "waits_since",
            sqlite_where=text("waits_since IS NOT NULL"),
            postgresql_where=text("waits_since IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[int] = mapped_column(ForeignKey("call.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    outcome: Mapped[str] = mapped_column(String(OUTCOME_LENGTH), default="")
    note: Mapped[str] = mapped_column(Text, default="")
    task_title: Mapped[str] = mapped_column(String(200), default="")
    task_due_at: Mapped[datetime | None]
    task_has_time: Mapped[bool] = mapped_column(default=False)
    # The next task that it made: saving again moves this one.
    task_id: Mapped[int | None] = mapped_column(
        ForeignKey("task.id", ondelete="SET NULL"), index=True
    )
    # The end of the user's talk, while they have still to write it up.
    waits_since: Mapped[datetime | None]
    # When its open card became one of the counter's.
    folded_at: Mapped[datetime | None]
    popup_closed_at: Mapped[datetime | None]
    dismissed_at: Mapped[datetime | None]
    saved_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now)
    # The note as it is searched.
    search_text: Mapped[str] = mapped_column(Text, default="", server_default="")

    call: Mapped[Call] = relationship()
    user: Mapped[User] = relationship()
    task: Mapped[Task | None] = relationship()

    @validates("note")
    def _make_searchable(self, _key: str, note: str) -> str:
        self.search_text = normalise(note)
        return note


search_index.attach(CallWrapup)

NOUN = registry.register(
    registry.Noun(
        RecordKind.CALL, Call, title="outside_number", page="calls.show", id_name="call_id"
    )
)
