"""Background jobs as rows: kind, due time, lease, and last error."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_app import clock
from crm_app.database import IDS_STAY_UNIQUE
from crm_app.extensions import Model

ERROR_LENGTH = 300
_OPEN, _DONE = text("done_at IS NULL"), text("done_at IS NOT NULL")


class Job(Model):
    """One background job; it is done once, when it is due.

    Of those that are not done, at most one has the same `unique_key`. A worker that performs it
    holds the lease (`leased_by` until `leased_until`); `tries` counts the failures in a row.
    """

    __tablename__ = "job"
    __table_args__ = (
        Index(
            "ix_job_unique_key", "unique_key",
            unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN,
        ),
        Index("ix_job_due", "due_at", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_job_done", "done_at", sqlite_where=_DONE, postgresql_where=_DONE),
        IDS_STAY_UNIQUE,
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(60))
    unique_key: Mapped[str | None] = mapped_column(String(200))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    due_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    leased_until: Mapped[datetime | None]
    leased_by: Mapped[str] = mapped_column(String(120), default="")
    last_error: Mapped[str] = mapped_column(String(ERROR_LENGTH), default="")
    done_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
