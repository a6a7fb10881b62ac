"""Databases are made, upgraded with a copy kept, and never touched when they are newer."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import inspect, text

from crm_app.cli import build
from crm_app.config import Config
from crm_app.extensions import db
from crm_app.health import migrations
from crm_app.health.migrations import State
from crm_app.serving import preparation
from crm_app.serving.preparation import DatabaseError
from tests.postgres import Postgres

NEXT = '''
"""A later version."""

import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = {head!r}
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("later_table", sa.Column("id", sa.Integer(), primary_key=True))
    {and_then}


def downgrade() -> None:
    op.drop_table("later_table")
'''


@pytest.fixture
def empty_app(
    engine_name: str, tmp_path: Path, bus_url: str, request: pytest.FixtureRequest
) -> Iterator[Flask]:
    """An application on a database without any table."""
    url = ""
    if engine_name == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        url = postgres.new_database()
    settings = Config(
        _env_file=None,  # type: ignore[call-arg]
        data_dir=tmp_path / "data",
        database_url=url,
        redis_url=bus_url,
        log_level="WARNING",
    )
    app = build(settings)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The code of a later Ramal, which has one migration more than this one."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrations.FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    head = migrations.revisions()[-1]
    monkeypatch.setattr(migrations, "FOLDER", folder)
    path = folder / "versions" / "9999_later.py"
    path.write_text(NEXT.format(head=head, and_then="pass"), encoding="utf-8")
    migrations.revisions.cache_clear()
    yield path
    migrations.revisions.cache_clear()


def state() -> State:
    """How the database compares with the code."""
    with db.engine.connect() as connection:
        return migrations.state(connection)


def test_it_makes_all_tables_in_an_empty_database(empty_app: Flask, tmp_path: Path) -> None:
    assert state() is State.EMPTY
    assert preparation.prepare_database(tmp_path / "backups") is None
    assert state() is State.CURRENT
    assert set(db.metadata.tables) <= set(inspect(db.engine).get_table_names())
    preparation.seed()
    assert preparation.setup_address("http://x").startswith("http://x/setup/")


def test_it_upgrades_an_older_database_and_keeps_a_copy(
    empty_app: Flask, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    preparation.prepare_database(tmp_path / "backups")
    preparation.seed()
    db.session.remove()
    request.getfixturevalue("later")
    assert state() is State.OLDER
    copy = preparation.prepare_database(tmp_path / "backups")
    assert state() is State.CURRENT
    assert "later_table" in inspect(db.engine).get_table_names()
    if db.engine.dialect.name == "postgresql":
        assert copy is None
        return
    assert copy is not None
    assert copy.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(copy)) as connection:
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        stages = connection.execute("SELECT count(*) FROM lead_stage").fetchone()[0]
    assert "later_table" not in names
    assert stages > 0


def test_it_changes_nothing_when_an_upgrade_fails(
    empty_app: Flask, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    preparation.prepare_database(tmp_path / "backups")
    later: Path = request.getfixturevalue("later")
    broken = later.read_text(encoding="utf-8").replace("    pass", '    op.execute("BROKEN SQL")')
    later.write_text(broken, encoding="utf-8")
    with pytest.raises(DatabaseError, match="failed and changed nothing"):
        preparation.prepare_database(tmp_path / "backups")
    assert "later_table" not in inspect(db.engine).get_table_names()
    assert state() is State.OLDER


def test_it_leaves_a_newer_database_alone(empty_app: Flask, tmp_path: Path) -> None:
    preparation.prepare_database(tmp_path / "backups")
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'from_the_future'"))
    with pytest.raises(DatabaseError, match="newer Ramal"):
        preparation.prepare_database(tmp_path / "backups")


def test_it_has_a_migration_for_every_table_and_column(empty_app: Flask, tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    preparation.prepare_database(tmp_path / "backups")
    with db.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_object": _is_described, "compare_type": True}
        )
        assert compare_metadata(context, db.metadata) == []


def _is_described(
    _thing: object, name: str | None, _kind: str, reflected: bool, match: object
) -> bool:
    hand_made = any(word in (name or "") for word in ("_fts", "_search", "_trgm"))
    return not (reflected and match is None and hand_made)
