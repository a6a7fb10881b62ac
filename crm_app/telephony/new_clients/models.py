"""Which numbers have become clients, and which never do."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.contacts.models import NUMBER_LENGTH
from crm_app.database import IDS_STAY_UNIQUE
from crm_app.extensions import Model

REASON_LENGTH = 200


class NewClient(Model):
    """The contact and the lead that were made of a number's first call; one row for each number.

    Its key is what lets only one of many workers make them.
    """

    __tablename__ = "new_client"

    number: Mapped[str] = mapped_column(String(NUMBER_LENGTH), primary_key=True)
    contact_id: Mapped[int | None] = mapped_column(
        ForeignKey("contact.id", ondelete="CASCADE"), index=True
    )
    lead_id: Mapped[int | None] = mapped_column(
        ForeignKey("lead.id", ondelete="CASCADE"), index=True
    )
    call_id: Mapped[int | None] = mapped_column(
        ForeignKey("call.id", ondelete="SET NULL"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class IgnoredNumber(Model):
    """A number, or the beginning of several, whose callers never become clients by themselves."""

    __tablename__ = "ignored_number"
    __table_args__ = (UniqueConstraint("number", "is_prefix"), IDS_STAY_UNIQUE)

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(NUMBER_LENGTH))
    is_prefix: Mapped[bool] = mapped_column(default=False)
    reason: Mapped[str] = mapped_column(String(REASON_LENGTH), default="")
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    user: Mapped[User | None] = relationship()
