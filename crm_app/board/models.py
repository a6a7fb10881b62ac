"""The addresses of boards for the office TV."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.extensions import Model

NAME_LENGTH = 60


class BoardWall(Model):
    """One address that shows the board without a sign-in; only the SHA-256 of its token is kept.

    What was revoked stays, so that the list says who ended it and when.
    """

    __tablename__ = "board_wall"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    revoked_at: Mapped[datetime | None]
    revoked_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))

    created_by: Mapped[User | None] = relationship(foreign_keys=created_by_id)
    revoked_by: Mapped[User | None] = relationship(foreign_keys=revoked_by_id)
