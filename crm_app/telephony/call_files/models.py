"""A list of calls that was uploaded: what was found in it, and how far it is taken in."""

from datetime import datetime
from typing import Any, Self

from sqlalchemy import JSON, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.database import IDS_STAY_UNIQUE
from crm_app.extensions import Model, db

NAME_LENGTH = 120


class CallFile(Model):
    """One file. `state` is checking, checked, running or done.

    The counts are of what would become of its records, and from `running` on of what has.
    `refusals` are pairs of a record's number and the code of the reason.
    """

    __tablename__ = "call_file"
    __table_args__ = IDS_STAY_UNIQUE

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    state: Mapped[str] = mapped_column(String(10))
    rows: Mapped[int]
    pieces: Mapped[int]
    # How many of them are checked or taken in.
    position: Mapped[int] = mapped_column(default=0)
    new: Mapped[int] = mapped_column(default=0)
    completed: Mapped[int] = mapped_column(default=0)
    same: Mapped[int] = mapped_column(default=0)
    refusals: Mapped[list[list[Any]]] = mapped_column(JSON, default=list)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    created_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    finished_at: Mapped[datetime | None]

    created_by: Mapped[User] = relationship()

    @property
    def share(self) -> int:
        """Say how many per cent of it are checked or taken in."""
        return round(100 * self.position / self.pieces) if self.pieces else 100

    @classmethod
    def held(cls, file_id: int) -> Self | None:
        """Read one for update."""
        return db.session.get(cls, file_id, with_for_update=True, populate_existing=True)


class CallFilePiece(Model):
    """Some calls of a file, as compressed JSON; deleted once they are taken in."""

    __tablename__ = "call_file_piece"

    file_id: Mapped[int] = mapped_column(
        ForeignKey("call_file.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[bytes] = mapped_column(LargeBinary)
