"""Brings the database to the state that the code needs before serving starts."""

import sqlite3
from contextlib import closing
from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config as AlembicConfig
from flask_migrate import Config as MigrateConfig
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from crm_app import clock, database, key_file
from crm_app.accounts import services as accounts
from crm_app.config import Config
from crm_app.errors import RamalError
from crm_app.extensions import db
from crm_app.health import migrations
from crm_app.health.migrations import State
from crm_app.keys import services as keys
from crm_app.keys.services import Exchanged, OtherKeyError
from crm_app.leads import services as leads

log = structlog.get_logger(__name__)


class DatabaseError(RamalError):
    """The database cannot be used as it is; the text says what to do."""


def prepare_database(backups: Path) -> Path | None:
    """Upgrade an empty or older database; an older SQLite file is copied to `backups` first.

    Returns the copy's path, if one was made. Raises DatabaseError when the database cannot be used.
    """
    state, revision = _look()
    if state is State.NEWER:
        raise DatabaseError(
            f"DATABASE_URL: the database was made by a newer Ramal (revision {revision}). "
            "Install that version again, or restore a copy that was made before the upgrade."
        )
    if state is State.FOREIGN:
        raise DatabaseError(
            "DATABASE_URL: the database holds tables that Ramal did not make. "
            "Name an empty database in DATABASE_URL."
        )
    copy = None
    if state is State.OLDER and db.engine.dialect.name == "sqlite":
        copy = _copy_sqlite(backups, revision)
    if state is not State.CURRENT:
        _upgrade(copy)
    return copy


def refuse_unfit_database() -> None:
    """Raise DatabaseError when the tables do not match this code; one that is down passes."""
    try:
        state, _revision = _look()
    except DatabaseError as error:
        log.error("database_away", reason=str(error))
        return
    if state in migrations.PROBLEMS:
        raise DatabaseError(f"DATABASE_URL: {migrations.PROBLEMS[state]}.")


def take_keys(settings: Config) -> Exchanged | None:
    """Check that our keys match the database; re-encrypt with the newest what is older.

    Returns what was re-encrypted, if there is a newer key. Raises OtherKeyError.
    """
    ring = settings.key_ring
    is_new = settings.keeps_key and key_file.was_made_here(settings.key_path)
    try:
        is_older = keys.check(ring, is_new_key=is_new)
    except OtherKeyError:
        if is_new:
            key_file.take_back(settings.key_path)
        raise
    return keys.encrypt_with_newest(ring) if is_older else None


def refuse_other_key(settings: Config) -> None:
    """Raise OtherKeyError when the database was made with a key that we do not have."""
    try:
        keys.check(settings.key_ring)
    except SQLAlchemyError as error:
        log.error("database_away", reason=type(error).__name__)
    finally:
        db.session.remove()


def seed() -> None:
    """Make sure that every office has the stages of its pipeline."""
    leads.ensure_stages()
    db.session.commit()


def setup_address(base_url: str) -> str:
    """Return the address to create the first administrator, "" when there already is one."""
    token = accounts.new_setup_token()
    db.session.commit()
    return f"{base_url}/setup/{token}" if token else ""


def _look() -> tuple[State, str]:
    try:
        with database.reading(), db.engine.connect() as connection:
            return migrations.state(connection), migrations.revision(connection)
    except SQLAlchemyError as error:
        # The first line is the driver's message; the rest is SQL and links for developers.
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise DatabaseError(
            f"DATABASE_URL: cannot use {db.engine.url.render_as_string(hide_password=True)}: "
            f"{reason}. Check the address, and that the database server runs."
        ) from error


def _copy_sqlite(backups: Path, revision: str) -> Path:
    """Copy the file as SQLite itself does, so that nothing half-written is in it."""
    source = db.engine.url.database or ""
    copy = backups / f"before-upgrade-{revision}-{clock.now():%Y%m%dT%H%M%SZ}.db"
    try:
        backups.mkdir(mode=0o700, parents=True, exist_ok=True)
        copy.touch(mode=0o600)
        with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(copy)) as new:
            old.backup(new)
    except (OSError, sqlite3.Error) as error:
        raise DatabaseError(
            f"DATA_DIR: the database must be upgraded, but no copy of it can be written to "
            f"{copy} ({error}). Make room or rights there, then start again."
        ) from error
    return copy


def _upgrade(copy: Path | None) -> None:
    settings: AlembicConfig = MigrateConfig()
    settings.set_main_option("script_location", str(migrations.FOLDER).replace("%", "%%"))
    try:
        command.upgrade(settings, "head")
    except DBAPIError as error:
        kept = f" The copy from before is {copy}." if copy else ""
        raise DatabaseError(
            f"the upgrade of the database failed and changed nothing: {error.orig}.{kept}"
        ) from error
