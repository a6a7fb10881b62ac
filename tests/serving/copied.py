"""Databases that several tests of a file prepare once and copy."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import make_url

from tests.postgres import Postgres


def copy_of(address: str, file: Path, postgres: Postgres | None = None) -> str:
    """Copy a database that nobody writes: one of SQLite into a file, another on its server.

    Gives the copy's address.
    """
    model = make_url(address)
    assert model.database is not None
    if model.get_backend_name() == "postgresql":
        assert postgres is not None
        return postgres.new_database(model.database)
    with closing(sqlite3.connect(model.database)) as old:
        # With what lies beside its file.
        old.execute("VACUUM INTO ?", (str(file),))
    return f"sqlite:///{file}"
