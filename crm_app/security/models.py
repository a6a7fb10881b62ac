"""Security events, and their totals since the beginning."""

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm_app import clock
from crm_app.database import IDS_STAY_UNIQUE
from crm_app.extensions import Model
from crm_app.security.kinds import REFUSALS

# Users live above; only their name is needed here, and the mapper finds it by itself.
if TYPE_CHECKING:
    from crm_app.accounts.models import User

ADDRESS_LENGTH = 45
DETAIL_LENGTH = 120


class SecurityEvent(Model):
    """Something that happened: who did it, to whose account, from where, how often.

    When the same is refused again within a minute, to the same person from the same network,
    `count` grows. `user_id` is None for strangers; `about_id` is None when no existing account is
    concerned.
    """

    __tablename__ = "security_event"
    __table_args__ = (
        Index(None, "at", "id"),
        Index(None, "kind", "at", "id"),
        IDS_STAY_UNIQUE,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=clock.now)
    last_at: Mapped[datetime] = mapped_column(default=clock.now)
    count: Mapped[int] = mapped_column(default=1)
    kind: Mapped[str] = mapped_column(String(30))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), index=True)
    about_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), index=True)
    address: Mapped[str] = mapped_column(String(ADDRESS_LENGTH), default="")
    request_id: Mapped[str] = mapped_column(String(20), default="")
    detail: Mapped[str] = mapped_column(String(DETAIL_LENGTH), default="")

    user: Mapped["User | None"] = relationship("User", foreign_keys=[user_id])
    about: Mapped["User | None"] = relationship("User", foreign_keys=[about_id])

    @property
    def is_refusal(self) -> bool:
        """Whether somebody did not get what they wanted."""
        return self.kind in REFUSALS


class SecurityCount(Model):
    """How often something happened whose events are not stored, or no longer stored."""

    __tablename__ = "security_count"

    kind: Mapped[str] = mapped_column(String(30), primary_key=True)
    total: Mapped[int] = mapped_column(BigInteger, default=0)
