"""How the tables of the database compare with what this code expects."""

import logging
from enum import StrEnum
from functools import cache
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

# It announces every look into the database, also the ones of /readyz.
logging.getLogger("alembic").setLevel(logging.WARNING)
FOLDER = Path(__file__).resolve().parents[2] / "migrations"


class State(StrEnum):
    """What can be the matter with the tables."""

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
def scripts() -> ScriptDirectory:
    """Return the migrations that come with this code."""
    return ScriptDirectory(str(FOLDER))


def revision(connection: Connection) -> str:
    """Return the revision that the database is at, empty if it was never migrated."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def state(connection: Connection) -> State:
    """Compare the database with the newest migration of this code."""
    current = revision(connection)
    if current == scripts().get_current_head():
        return State.CURRENT
    if not current:
        return State.FOREIGN if _holds_tables(connection) else State.EMPTY
    known = {script.revision for script in scripts().walk_revisions()}
    return State.OLDER if current in known else State.NEWER


def _holds_tables(connection: Connection) -> bool:
    return bool(set(inspect(connection).get_table_names()) - {"alembic_version"})
