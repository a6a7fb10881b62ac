"""Counts of the calls of each day, and how far they have been counted."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from crm_app.extensions import Model


class ReportCount(Model):
    """The calls of one day of the office's calendar, counted in one way.

    `whose` is the id of a user, 0 for the office; `kind` and `key` are those of `counting.Row`.
    """

    __tablename__ = "report_count"
    # Of its rows a page reads thousands, all by their key: SQLite finds them in the index itself.
    __table_args__ = ({"sqlite_with_rowid": False},)

    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    whose: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(40), primary_key=True)
    incoming: Mapped[int]
    answered: Mapped[int]
    missed: Mapped[int]
    outgoing: Mapped[int]
    reached: Mapped[int]
    internal: Mapped[int]
    seconds: Mapped[int]


class ReportProgress(Model):
    """What the counts hold: all days from one on, by certain hours, of calls as they were.

    `seen_until` is the moment up to which changes of calls are counted.
    """

    __tablename__ = "report_progress"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id: Mapped[int] = mapped_column(primary_key=True, default=1, autoincrement=False)
    # Time zone, week and holidays: with others all is counted again.
    hours: Mapped[str] = mapped_column(Text)
    counted_from: Mapped[date]
    seen_until: Mapped[datetime]
    counted_at: Mapped[datetime]
