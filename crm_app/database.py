"""What both database engines need: naming, UTC times, SQLite's locking."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Engine, MetaData, create_engine, event, select
from sqlalchemy.dialects.postgresql import insert as insert_on_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_on_sqlite
from sqlalchemy.engine import Connection, Dialect, make_url
from sqlalchemy.exc import (
    DisconnectionError,
    InterfaceError,
    InternalError,
    InvalidatePoolError,
    OperationalError,
    TimeoutError,
)
from sqlalchemy.orm import DeclarativeBase, Session, registry, scoped_session
from sqlalchemy.pool import QueuePool
from sqlalchemy.types import TypeDecorator

from crm_app.deadline import seconds_left
from crm_app.errors import RamalError

# The largest value of an id; PostgreSQL fails on a larger one instead of finding nothing.
LARGEST_ID = 2**31 - 1
# For the `__table_args__` of what is deleted and named by its id elsewhere: in addresses, on pages
# that are open, in the journal. SQLite would give the id of a deleted row again; PostgreSQL never.
IDS_STAY_UNIQUE = {"sqlite_autoincrement": True}
# How long a write waits for a write of another process, and for one of this process.
BUSY_TIMEOUT_S = 10
GATE_TIMEOUT_S = 30
CONNECT_TIMEOUT_S = 5
NO_WAIT_MS = 50
_LOOK_AGAIN_S = 0.003
# How much of an SQLite file this process may map into its memory.
_mapped = {"bytes": 256 * 1024 * 1024}


class DatabaseBusyError(RamalError):
    """A write waited too long for its turn."""


# These mean that the database is away, busy or broken, whatever the statement was.
IS_AWAY = (
    DatabaseBusyError,
    OperationalError,
    InterfaceError,
    InternalError,
    DisconnectionError,
    TimeoutError,
)


def is_away(error: BaseException) -> bool:
    """Whether the database failed, so that nothing was stored, and not our own SQL."""
    # SQLite calls it "operational", too, when it does not know a column.
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", None)
    return isinstance(error, IS_AWAY) and code != sqlite3.SQLITE_ERROR


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, kept in UTC on both engines; a naive value is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert any aware time to UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Add the zone again, which SQLite does not store."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """The root of all tables; constraints have names, so that migrations can change them."""

    registry = registry(
        metadata=MetaData(
            naming_convention={
                "ix": "ix_%(table_name)s_%(column_0_N_name)s",
                "uq": "uq_%(table_name)s_%(column_0_N_name)s",
                "ck": "ck_%(table_name)s_%(constraint_name)s",
                "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
                "pk": "pk_%(table_name)s",
            }
        ),
        type_annotation_map={datetime: UtcDateTime},
    )


_reads_only: ContextVar[bool] = ContextVar("reads_only", default=False)
_may_wait: ContextVar[bool] = ContextVar("may_wait", default=True)
# SQLite has one writer. Waiting for it inside SQLite would block every greenlet of the process, the
# one that holds the lock included, so writers of one process queue up here, where waiting is fair.
_write_gate = threading.Lock()


@contextmanager
def reading() -> Iterator[None]:
    """Promise that transactions begun inside only read; on SQLite they then wait for no writer."""
    token = _reads_only.set(True)
    try:
        yield
    finally:
        _reads_only.reset(token)


@contextmanager
def writing() -> Iterator[None]:
    """Take that promise back for the transactions begun inside."""
    token = _reads_only.set(False)
    try:
        yield
    finally:
        _reads_only.reset(token)


@contextmanager
def at_once(engine: Engine) -> Iterator[Connection]:
    """Open a small write transaction that gives up instead of waiting for another one.

    Use it for what can be written a minute later instead. Raises DatabaseBusyError.
    """
    pool = engine.pool
    # The caller already holds a connection: leave the last free ones to those who have none.
    if isinstance(pool, QueuePool) and pool.checkedout() >= pool.size():
        raise DatabaseBusyError("no connection is to spare")
    token = _may_wait.set(False)
    try:
        with writing(), engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {NO_WAIT_MS}")
            yield connection
    except OperationalError as error:
        raise DatabaseBusyError("another write is under way") from error
    finally:
        _may_wait.reset(token)


def set_reads_only(value: bool) -> None:
    """Set for the rest of this request whether its transactions only read."""
    _reads_only.set(value)


def engine_options(url: str) -> dict[str, Any]:
    """Return the options of an engine for this address."""
    # The connection used last knows the most prepared statements. The parameters of a statement
    # hold clients and password hashes, so they must not reach the log.
    options: dict[str, Any] = {"pool_use_lifo": True, "hide_parameters": True}
    address = make_url(url)
    if address.get_backend_name() == "postgresql" and "connect_timeout" not in address.query:
        # People are waiting, and the driver would wait for more than two minutes.
        options["connect_args"] = {"connect_timeout": CONNECT_TIMEOUT_S}
    return options


def configure_engine(engine: Engine) -> None:
    """Set an engine up so that no acknowledged write is lost and no write fails as "locked"."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "do_connect", _connect_to_sqlite)
        event.listen(engine, "connect", _on_sqlite_connect)
        event.listen(engine, "begin", _on_sqlite_begin)
        event.listen(engine, "commit", _open_gate)
        event.listen(engine, "rollback", _open_gate)
    else:
        event.listen(engine, "do_connect", _connect_to_postgresql)
        event.listen(engine, "connect", _plan_quickly)
        event.listen(engine, "checkout", _on_postgresql_checkout)


def spare_memory(engine: Engine) -> None:
    """Map no SQLite file into the memory of this process from now on; closes idle connections.

    Where a little of everything is read, all that may be mapped is mapped in the end, and nothing
    is quicker for it (measured).
    """
    _mapped["bytes"] = 0
    engine.dispose()


def impatient_engine(engine: Engine, seconds: float) -> Engine:
    """Make an engine for the same database with a few connections of its own.

    Use it for callers with a deadline (see `deadline.within`) who ask by keys: PostgreSQL then
    gives up too, instead of waiting for a lock on behalf of a caller who has gone.
    """
    options = engine_options(engine.url.render_as_string(hide_password=False))
    few = create_engine(engine.url, **options, pool_size=4, max_overflow=0, pool_timeout=seconds)
    configure_engine(few)
    if few.dialect.name == "postgresql":
        event.listen(few, "connect", _limit_on_postgresql(seconds))
    return few


def _connect_to_sqlite(_dialect: Any, _record: Any, _args: Any, options: Any) -> None:
    # The driver would wait inside SQLite, which blocks everything else in this process.
    options["timeout"] = 0


def _on_sqlite_connect(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions by itself: we choose the kind in _on_sqlite_begin.
    connection.isolation_level = None
    for pragma in (
        "busy_timeout=0",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        "cache_size=-65536",
        f"mmap_size={_mapped['bytes']}",
    ):
        if not _when_free(connection, f"PRAGMA {pragma}", seconds_left()):
            connection.execute(f"PRAGMA {pragma}")


def _on_sqlite_begin(connection: Connection) -> None:
    driver = connection.connection.dbapi_connection
    if _reads_only.get():
        connection.exec_driver_sql("BEGIN")
        # The first read takes the lock that all later ones need.
        if not _when_free(driver, "PRAGMA user_version", seconds_left()):
            connection.exec_driver_sql("PRAGMA user_version")
        return
    left = seconds_left() if _may_wait.get() else 0.0
    if not _write_gate.acquire(timeout=GATE_TIMEOUT_S if left is None else left):
        raise DatabaseBusyError("another write of this process did not end in time")
    try:
        if not _when_free(driver, "BEGIN IMMEDIATE", left):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
    except BaseException:
        _write_gate.release()
        raise
    connection.info["holds_write_gate"] = True


def _when_free(driver: Any, statement: str, left: float | None) -> bool:
    """Run a statement as soon as no other process blocks it; returns whether it was run.

    If SQLite itself waited, it would block the whole process, including requests that need no lock.
    """
    deadline = time.monotonic() + (BUSY_TIMEOUT_S if left is None else left)
    while True:
        try:
            driver.execute(statement).close()
            return True
        except sqlite3.Error as error:
            # The caller runs the statement once more, which then raises the usual error.
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                return False
        time.sleep(_LOOK_AGAIN_S)


def _open_gate(connection: Connection) -> None:
    # Called just before the driver commits; nothing yields between here and there, so the next
    # writer of this process finds the file free.
    if connection.info.pop("holds_write_gate", False):
        _write_gate.release()


def _connect_to_postgresql(_dialect: Any, _record: Any, args: Any, options: Any) -> Any:
    # Imported here, because an office on SQLite needs no driver for it.
    from crm_app.postgresql import HastyConnection

    return HastyConnection.connect(*args, **options)


def _plan_quickly(connection: Any, _record: Any) -> None:
    # A list joins each colleague that a row names. To try these joins in all orders took ten
    # milliseconds of a page, and the best one is that in which they are written.
    connection.execute("SET join_collapse_limit = 4")
    connection.commit()


def _limit_on_postgresql(seconds: float) -> Any:
    def limit(connection: Any, _record: Any) -> None:
        connection.execute(f"SET lock_timeout = {int(seconds * 800)}")
        # Only frees the server: the request has ended long before.
        connection.execute("SET statement_timeout = 2000")
        # Each statement finds its rows by a key. PostgreSQL would read a black list of a thousand
        # entries whole, and plan again for every number: measured, half of the time of a call.
        for choice in ("enable_seqscan = off", "plan_cache_mode = force_generic_plan", "jit = off"):
            connection.execute(f"SET {choice}")
        connection.commit()

    return limit


def _on_postgresql_checkout(connection: Any, _record: Any, _fairy: Any) -> None:
    # A server that was restarted has closed all connections. `pool_pre_ping` would query it at
    # every checkout, the webhook's included; reading from our own socket takes a microsecond. The
    # first call reads the server's last message, the second finds that the connection is closed.
    # Imported here, because an office on SQLite needs no driver for it.
    from psycopg import Error

    try:
        connection.pgconn.consume_input()
        connection.pgconn.consume_input()
    except Error as error:
        raise InvalidatePoolError from error


def add_missing(
    session: Session | scoped_session[Any] | Connection, model: Any, **values: Any
) -> None:
    """Add a row unless there is one with its key; of two that do it at once, the second waits."""
    bind = session if isinstance(session, Connection) else session.get_bind()
    insert = insert_on_sqlite if bind.dialect.name == "sqlite" else insert_on_postgresql
    session.execute(insert(model).values(**values).on_conflict_do_nothing())


def for_update(session: Session | scoped_session[Any], row: Any) -> None:
    """Lock a row until the end of the transaction, and read it again.

    (SQLite holds its one write lock since the first statement, PostgreSQL locks the row.)
    """
    # When PostgreSQL had to wait, it returns the row as it is now but joined rows as they were
    # before. So the locking query selects only the id, and the row is read after it.
    model = type(row)
    session.execute(select(model.id).where(model.id == row.id).with_for_update())
    session.refresh(row)
