"""Checks by trying whether the database can be read and written right now."""

import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import structlog
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from crm_app import database
from crm_app.health import migrations

log = structlog.get_logger(__name__)

# The database is written at most once in this time, however many ask.
GOOD_FOR_SECONDS = 1.0
LOCK_SECONDS = 1.0
LOOK_SECONDS = 0.05
# Monitors seldom wait longer than five seconds, and other checks follow this one.
ANSWER_SECONDS = 2.5


@dataclass(frozen=True, slots=True)
class Findings:
    """What is wrong with the database and with its tables; empty when nothing is."""

    database: str
    tables: str


class Trial:
    """Tries the database of one process, at most once at a time however many ask."""

    def __init__(self) -> None:
        """Begin without having tried."""
        self._lock = threading.Lock()
        self._running: _Run | None = None
        self._wrote_at = float("-inf")

    def findings(self, engine: Engine) -> Findings:
        """Return what is wrong, after a few seconds at most; never raises."""
        with self._lock:
            run = self._running
            if run is None or run.is_over.is_set():
                run = self._running = _Run()
                # In a thread of its own, because a database that hangs blocks its caller. Meantime
                # no other trial is started, so that they do not use up its connections.
                work = threading.Thread(target=self._try, args=(engine, run), daemon=True)
                work.start()
        if run.is_over.wait(ANSWER_SECONDS):
            return run.findings
        return Findings(f"does not answer within {ANSWER_SECONDS} seconds", _UNKNOWN)

    def _try(self, engine: Engine, run: "_Run") -> None:
        step, tables = "does not answer", _UNKNOWN
        try:
            with database.reading(), engine.connect() as connection:
                connection.execute(text("SELECT 1"))
                tables = migrations.PROBLEMS.get(migrations.state(connection), "")
                revision = migrations.revision(connection)
            if time.monotonic() - self._wrote_at > GOOD_FOR_SECONDS:
                step = "cannot be written"
                _write(engine, revision)
                self._wrote_at = time.monotonic()
            run.findings = Findings("", tables)
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            # These texts contain the address and the password, so they go only to our log.
            log.warning("not_ready", check="database", problem=step, exc_info=error)
            run.findings = Findings(f"{step} ({type(error).__name__})", tables)
        finally:
            run.is_over.set()


_trials: WeakKeyDictionary[Engine, Trial] = WeakKeyDictionary()


def findings_about(engine: Engine) -> Findings:
    """Return what is wrong with this database, see `Trial.findings`."""
    return _trials.setdefault(engine, Trial()).findings(engine)


class _Run:
    """One trial: what it found, once it is over."""

    def __init__(self) -> None:
        self.is_over = threading.Event()
        self.findings = Findings("was not tried to its end", _UNKNOWN)


_UNKNOWN = "unknown while the database does not answer"


def _write(engine: Engine, revision: str) -> None:
    if engine.dialect.name == "sqlite":
        _write_sqlite(engine)
    else:
        _write_postgresql(engine, revision)


def _write_sqlite(engine: Engine) -> None:
    # A connection of its own: waiting for the lock inside SQLite, as others do, would stop this
    # whole process. The number is nobody's; writing it changes the file's first page.
    arguments, options = engine.dialect.create_connect_args(engine.url)
    connect = engine.dialect.connect(*arguments, **{**options, "timeout": 0})
    with closing(connect) as own:
        own.isolation_level = None
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                own.execute("BEGIN IMMEDIATE")
                break
            except sqlite3.OperationalError as error:
                is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not is_busy or time.monotonic() > deadline:
                    raise
                time.sleep(LOOK_SECONDS)
        number = time.monotonic_ns() // 1_000_000 % 2**31
        own.execute(f"PRAGMA user_version = {number}")
        own.execute("COMMIT")


def _write_postgresql(engine: Engine, revision: str) -> None:
    # The only row that every office has, written as it is. Where there is none yet, the migrations
    # are what is wrong.
    with engine.begin() as connection:
        milliseconds = round(LOCK_SECONDS * 1000)
        connection.execute(text(f"SET LOCAL statement_timeout = {milliseconds}"))
        if revision:
            connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
