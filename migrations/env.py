"""How migrations reach the database: through the application, all or nothing, on both engines."""

import re
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from flask import current_app
from sqlalchemy import Connection, text

from crm_app.database import UtcDateTime
from crm_app.extensions import db

# Any number will do; it only has to be the same on every machine that may upgrade this database.
UPGRADE_LOCK = 7_262_501
# Search tables and indexes are written by hand in the migrations: no model describes them.
HAND_MADE = re.compile(r"(^|_)(fts|search|trgm)(_|$)")


def include_object(_thing: Any, name: str | None, _kind: str, reflected: bool, match: Any) -> bool:
    """Leave out of the comparison what only exists in the database and is made by hand."""
    return not (reflected and match is None and HAND_MADE.search(name or ""))


def render_item(kind: str, thing: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write our time type as plain SQLAlchemy, so that no migration depends on our code."""
    if kind == "type" and isinstance(thing, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def options() -> dict[str, Any]:
    """Give what both ways of running share, on top of Flask-Migrate's own (batch mode, types)."""
    shared: dict[str, Any] = current_app.extensions["migrate"].configure_args
    return shared | {
        "target_metadata": db.metadata,
        "include_object": include_object,
        "render_item": render_item,
        "transactional_ddl": True,
        "process_revision_directives": drop_empty,
    }


def drop_empty(_context: Any, _revision: Any, directives: list[Any]) -> None:
    """Write no migration file when nothing has changed."""
    command = getattr(context.config, "cmd_opts", None)
    if getattr(command, "autogenerate", False) and directives[0].upgrade_ops.is_empty():
        directives[:] = []


def run_offline() -> None:
    """Write the SQL instead of running it (`flask db upgrade --sql`)."""
    url = db.engine.url.render_as_string(hide_password=False)
    context.configure(url=url, literal_binds=True, **options())
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    """Run the migrations in one transaction."""
    with db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            # Batch mode drops and renames tables, which must not cascade to the rows that point
            # at them. SQLite ignores this switch inside a transaction, so it goes to the driver.
            switch_foreign_keys(connection, "OFF")
        try:
            context.configure(connection=connection, **options())
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    connection.execute(text(f"SELECT pg_advisory_xact_lock({UPGRADE_LOCK})"))
                context.run_migrations()
                if connection.dialect.name == "sqlite":
                    refuse_orphans(connection)
        finally:
            if connection.dialect.name == "sqlite":
                switch_foreign_keys(connection, "ON")


def switch_foreign_keys(connection: Connection, value: str) -> None:
    """Switch SQLite's checks of foreign keys for this connection."""
    driver: Any = connection.connection.dbapi_connection
    driver.execute(f"PRAGMA foreign_keys={value}")


def refuse_orphans(connection: Connection) -> None:
    """Undo an upgrade that would leave rows pointing at nothing."""
    orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(5)
    if orphans:
        raise RuntimeError(f"rows point at rows that do not exist: {orphans}")


if context.is_offline_mode():
    run_offline()
else:
    run_online()
