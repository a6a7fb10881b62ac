"""How the tables of the database compare with what this code expects."""

from enum import StrEnum
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, inspect, text

FOLDER = Path(__file__).resolve().parents[2] / "migrations"


class State(StrEnum):
    """What can be wrong with the tables."""

    CURRENT = "current"
    EMPTY = "empty"
    OLDER = "older"
    NEWER = "newer"
    FOREIGN = "foreign"


PROBLEMS = {
    State.EMPTY: "the tables do not exist: run `flask db upgrade`",
    State.OLDER: "the tables are older than this code: run `flask db upgrade`",
    State.NEWER: "the tables are newer than this code: install the newer Ramal",
    State.FOREIGN: "the database holds tables that are not Ramal's",
}


@cache
def revisions() -> tuple[str, ...]:
    """List the migrations that come with this code, the first one first.

    A file's name begins with its revision, so that those who serve pages need not load Alembic.
    """
    files = sorted((FOLDER / "versions").glob("*.py"))
    return tuple(file.stem.partition("_")[0] for file in files)


def revision(connection: Connection) -> str:
    """Return the revision that the database is at, empty if it was never migrated."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.scalar(text("SELECT version_num FROM alembic_version")) or "")


def state(connection: Connection) -> State:
    """Compare the database with the newest migration of this code."""
    current = revision(connection)
    if current == revisions()[-1]:
        return State.CURRENT
    if not current:
        return State.FOREIGN if _holds_tables(connection) else State.EMPTY
    return State.OLDER if current in revisions() else State.NEWER


def _holds_tables(connection: Connection) -> bool:
    return bool(set(inspect(connection).get_table_names()) - {"alembic_version"})
