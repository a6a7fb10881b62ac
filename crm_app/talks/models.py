"""The talks that somebody entered by hand."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.fold.facts import Direction
from crm_app.calls.models import OUTCOME_LENGTH
from crm_app.contacts.models import Contact
from crm_app.database import IDS_STAY_UNIQUE
from crm_app.extensions import Model


class TalkKind(StrEnum):
    """How one talked."""

    MOBILE = "mobile"
    VISIT = "visit"
    OTHER = "other"


class Talk(Model):
    """One talk with a contact: `user` talked, `entered_by` wrote it down. It is no call."""

    __tablename__ = "talk"
    __table_args__ = (
        Index("ix_talk_contact", "contact_id", "began_at", "id"),
        Index("ix_talk_began", "began_at", "user_id"),
        IDS_STAY_UNIQUE,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    kind: Mapped[TalkKind] = mapped_column(String(10))
    # Who began it; None for a visit.
    direction: Mapped[Direction | None] = mapped_column(String(10))
    began_at: Mapped[datetime]
    minutes: Mapped[int | None]
    outcome: Mapped[str] = mapped_column(String(OUTCOME_LENGTH), default="")
    note: Mapped[str] = mapped_column(Text, default="")
    entered_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    entered_at: Mapped[datetime] = mapped_column(default=clock.now)

    contact: Mapped[Contact] = relationship()
    user: Mapped[User] = relationship(foreign_keys=user_id)
    entered_by: Mapped[User] = relationship(foreign_keys=entered_by_id)

    def may_be_changed_by(self, user: User) -> bool:
        """Whether a user who sees its contact may change it: who talked or entered it, managers."""
        return user.is_manager or user.id in (self.user_id, self.entered_by_id)
