"""The columns that every noun has, and the partial indexes by which its lists are read."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_app import clock

OUTSIDE_BIN = "deleted_at IS NULL"
IN_BIN = "deleted_at IS NOT NULL"


class Record:
    """A noun: made, changed, put in the bin; each change gives it the next version."""

    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now)
    deleted_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)

    def touch(self) -> None:
        """Count one more change, so that an editor who read an earlier version has a conflict.

        `updated_at` follows by itself when the change is written.
        """
        self.version += 1

    @property
    def is_in_bin(self) -> bool:
        """Whether the record was deleted and can be restored."""
        return self.deleted_at is not None


def partial_index(name: str, where: str, *columns: str, on_postgresql: str = "") -> Index:
    """Index only the rows of one group, in the order in which the group is read.

    `on_postgresql` is the condition there when it is written differently.
    """
    return Index(
        name,
        *columns,
        sqlite_where=text(where),
        postgresql_where=text(on_postgresql or where),
    )


def index_outside_bin(name: str, *columns: str) -> Index:
    """Index the records that are not in the bin.

    Partial, because PostgreSQL does not see that "deleted_at IS NULL" leaves the order intact.
    """
    return partial_index(name, OUTSIDE_BIN, *columns)


def index_of_bin(table: str) -> Index:
    """Index the bin of a table in the order of its page, the last deleted first."""
    return partial_index(f"ix_{table}_bin", IN_BIN, "deleted_at", "id")
