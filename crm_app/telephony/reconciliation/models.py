"""What was compared with the PBX's statistics: days, the calls in question, the loading of history.

The state of the connection itself, the account's clock for one, stands in the telephony settings.
"""

from datetime import date, datetime
from typing import Self

from sqlalchemy import CheckConstraint, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from crm_app import clock
from crm_app.extensions import Model, db

ERROR_LENGTH = 40


class ReconciledDay(Model):
    """One day of the account's clock: how many calls the PBX lists, and how many the log has.

    `added` counts the calls that the statistics added or completed. A day is settled once it was
    asked for after its end and nothing differed.
    """

    __tablename__ = "reconciled_day"

    day: Mapped[date] = mapped_column(primary_key=True)
    pbx: Mapped[int] = mapped_column(default=0)
    crm: Mapped[int] = mapped_column(default=0)
    difference: Mapped[int] = mapped_column(default=0)
    added: Mapped[int] = mapped_column(default=0)
    asked_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]


class ReconciledCall(Model):
    """A call that the statistics had to add or complete, or that could not be stored.

    `done` is added, completed or refused. Calls of the history are not among them.
    """

    __tablename__ = "reconciled_call"

    id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(index=True)
    pbx_call_id: Mapped[str] = mapped_column(String(64), unique=True)
    done: Mapped[str] = mapped_column(String(10))
    noted_at: Mapped[datetime] = mapped_column(default=clock.now)


class HistoryLoad(Model):
    """The loading of old calls, month by month from the newest; there is one row.

    `state` is running, stopped or done. `position` is the JSON of the step that comes next.
    """

    __tablename__ = "history_load"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id: Mapped[int] = mapped_column(primary_key=True, default=1, autoincrement=False)
    months: Mapped[int]
    since: Mapped[datetime]
    until: Mapped[datetime]
    # All after it is loaded.
    reached: Mapped[datetime]
    position: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[str] = mapped_column(String(10))
    rows: Mapped[int] = mapped_column(default=0)
    added: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str] = mapped_column(String(ERROR_LENGTH), default="")
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    started_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))

    @classmethod
    def current(cls, *, for_update: bool = False) -> Self | None:
        """Return the row, None when no history was ever loaded."""
        return db.session.get(cls, 1, with_for_update=for_update, populate_existing=for_update)
