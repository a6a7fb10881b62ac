"""The opening hours as they are stored."""

from typing import Self

from sqlalchemy import CheckConstraint, Text
from sqlalchemy.orm import Mapped, mapped_column

from crm_app.extensions import Model, db
from crm_app.office.hours import WORKING_WEEK, day_text

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class StoredHours(Model):
    """When the office is open; there is one row, or none yet.

    `week` holds a line for each weekday from Monday on, `holidays` a line for each day.
    """

    __tablename__ = "office_hours"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id: Mapped[int] = mapped_column(primary_key=True, default=1, autoincrement=False)
    week: Mapped[str] = mapped_column(Text)
    holidays: Mapped[str] = mapped_column(Text, default="")

    @classmethod
    def current(cls) -> Self:
        """Return the row; until it is stored, one with the usual hours."""
        return db.session.get(cls, 1) or cls(
            id=1, week="\n".join(day_text(day) for day in WORKING_WEEK), holidays=""
        )
