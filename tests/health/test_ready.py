"""/healthz and /readyz: each thing that is broken is named."""

import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import NullPool, create_engine, text

from crm_app import clock, create_app
from crm_app.config import Config
from crm_app.extensions import db
from crm_app.health import migrations, write_check
from crm_app.health.services import BUS_SECONDS, HEARTBEAT_KEY, HEARTBEAT_LIMIT_SECONDS, beat
from crm_app.health.write_check import ANSWER_SECONDS
from crm_app.live import bus
from tests.serving.wire import serving

PARTS = ("database", "event_bus", "migrations", "worker")


@pytest.fixture
def whole(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """An application that lacks nothing, and whose database nobody has tried of late."""
    write_check._trials.clear()
    # A machine that is slow must not look like a database that hangs.
    monkeypatch.setattr(write_check, "ANSWER_SECONDS", 60.0)
    write_revision(migrations.revisions()[-1])
    beat()
    yield app
    bus.client().delete(HEARTBEAT_KEY)
    db.session.remove()
    with db.engine.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))


def write_revision(revision: str) -> None:
    """Say in the database which revision it is at."""
    with db.engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL)")
        )
        connection.execute(text("DELETE FROM alembic_version"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:r)"), {"r": revision})


def red(visitor: FlaskClient) -> dict[str, str]:
    """What is missing, by name; the status must fit."""
    answer = visitor.get("/readyz")
    assert answer.json is not None
    checks = answer.json["checks"]
    assert set(checks) == set(PARTS)
    missing = {name: problem for name, problem in checks.items() if problem != "ok"}
    assert answer.status_code == (503 if missing else 200)
    assert answer.json["status"] == ("not ready" if missing else "ready")
    assert answer.headers["Cache-Control"] == "no-store"
    return missing


def test_it_is_ready_when_nothing_is_missing(whole: Flask, visitor: FlaskClient) -> None:
    assert red(visitor) == {}


def test_it_is_alive_whatever_is_missing(app: Flask, visitor: FlaskClient) -> None:
    answer = visitor.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


@pytest.mark.parametrize(
    ("revision", "words"), [("from_the_future", "newer than this code"), ("", "not Ramal's")]
)
def test_it_names_tables_that_do_not_fit(
    whole: Flask, visitor: FlaskClient, revision: str, words: str
) -> None:
    write_revision(revision)
    missing = red(visitor)
    assert list(missing) == ["migrations"]
    assert words in missing["migrations"]


def test_it_names_a_worker_that_never_ran(whole: Flask, visitor: FlaskClient) -> None:
    bus.client().delete(HEARTBEAT_KEY)
    assert red(visitor) == {"worker": "has never run: start `flask worker`"}


def test_it_names_a_worker_that_fell_silent(whole: Flask, visitor: FlaskClient) -> None:
    silence = timedelta(seconds=HEARTBEAT_LIMIT_SECONDS + 5)
    bus.client().set(HEARTBEAT_KEY, str((clock.now() - silence).timestamp()))
    missing = red(visitor)
    assert list(missing) == ["worker"]
    assert "silent for 25 seconds" in missing["worker"]


def test_it_names_a_bus_that_is_away(
    whole: Flask, visitor: FlaskClient, settings: Config, tmp_path: Path
) -> None:
    bus.configure(f"unix://{tmp_path / 'nobody.sock'}")
    try:
        assert set(red(visitor)) == {"event_bus", "worker"}
        assert visitor.get("/healthz").status_code == 200
    finally:
        bus.configure(settings.bus_url)


def test_it_waits_a_moment_only_for_a_bus_that_hangs(
    whole: Flask, visitor: FlaskClient, settings: Config, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.bind(str(tmp_path / "bus.sock"))
        hanging.listen()
        bus.configure(f"unix://{tmp_path / 'bus.sock'}")
        began = time.monotonic()
        try:
            missing = red(visitor)
        finally:
            bus.configure(settings.bus_url)
    assert missing == {
        "event_bus": "does not answer (TimeoutError)",
        "worker": "unknown while the event bus does not answer",
    }
    assert time.monotonic() - began < 10 * BUS_SECONDS


def test_it_names_a_database_that_is_away_and_shows_no_address(
    settings: Config, engine_name: str, tmp_path: Path
) -> None:
    away = {
        "sqlite": f"sqlite:///{tmp_path / 'no' / 'such' / 'folder.db'}",
        "postgresql": "postgresql+psycopg://ramal:hush@127.0.0.1:1/ramal",
    }[engine_name]
    broken = create_app(settings.model_copy(update={"database_url": away}))
    answer = broken.test_client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert "does not answer" in answer.json["checks"]["database"]
    tables = answer.json["checks"]["migrations"]
    assert tables == "unknown while the database does not answer"
    assert "hush" not in answer.text
    assert "127.0.0.1" not in answer.text
    assert broken.test_client().get("/healthz").status_code == 200
    with broken.app_context():
        db.engine.dispose()


@contextmanager
def writing_elsewhere(settings: Config) -> Iterator[None]:
    """Hold, as another process would, what every write needs."""
    if settings.is_sqlite:
        own = sqlite3.connect(settings.sqlalchemy_url.partition("///")[2], isolation_level=None)
        with closing(own):
            own.execute("BEGIN IMMEDIATE")
            yield
    else:
        own_engine = create_engine(settings.sqlalchemy_url, poolclass=NullPool)
        with own_engine.begin() as connection:
            connection.execute(text("LOCK TABLE alembic_version IN EXCLUSIVE MODE"))
            yield


def test_it_names_a_database_that_cannot_be_written(
    whole: Flask, visitor: FlaskClient, settings: Config
) -> None:
    db.session.remove()
    with writing_elsewhere(settings):
        missing = red(visitor)
        assert missing == {"database": "cannot be written (OperationalError)"}
        assert visitor.get("/healthz").status_code == 200
    assert red(visitor) == {}


def test_it_names_a_database_that_may_only_be_read(whole: Flask, settings: Config) -> None:
    address = settings.sqlalchemy_url
    if settings.is_sqlite:
        address = address.replace("sqlite:///", "sqlite:///file:") + "?mode=ro&uri=true"
    else:
        mark = "&" if "?" in address else "?"
        address += f"{mark}options=-c%20default_transaction_read_only%3Don"
    reading = create_app(settings.model_copy(update={"database_url": address}))
    assert list(red(reading.test_client())) == ["database"]
    with reading.app_context():
        db.engine.dispose()


def test_it_waits_a_moment_only_for_a_database_that_hangs(settings: Config) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        port = hanging.getsockname()[1]
        address = f"postgresql+psycopg://ramal:hush@127.0.0.1:{port}/ramal"
        waiting = create_app(settings.model_copy(update={"database_url": address}))
        began = time.monotonic()
        missing = red(waiting.test_client())
        assert time.monotonic() - began < 4 * ANSWER_SECONDS
    assert missing["database"] == f"does not answer within {ANSWER_SECONDS} seconds"
    with waiting.app_context():
        db.engine.dispose()


def test_it_writes_once_a_second_however_often_it_is_asked(
    whole: Flask, visitor: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_check, "GOOD_FOR_SECONDS", 3600.0)
    assert red(visitor) == {}
    first = last_write()
    for _ in range(5):
        assert red(visitor) == {}
    assert last_write() == first
    monkeypatch.setattr(write_check, "GOOD_FOR_SECONDS", 0.0)
    assert red(visitor) == {}
    assert last_write() != first


def last_write() -> object:
    """Give what differs with each trial: our number, or the row's transaction."""
    is_sqlite = db.engine.dialect.name == "sqlite"
    asked = "PRAGMA user_version" if is_sqlite else "SELECT xmin::text FROM alembic_version"
    with db.engine.connect() as connection:
        return connection.scalar(text(asked))


def test_only_one_trial_of_a_hanging_database_is_made_at_a_time(settings: Config) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        hanging.settimeout(0.1)
        address = f"postgresql+psycopg://a@127.0.0.1:{hanging.getsockname()[1]}/a"
        waiting = create_app(settings.model_copy(update={"database_url": address}))
        threads = [
            threading.Thread(target=lambda: waiting.test_client().get("/readyz")) for _ in range(5)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        came = 0
        with suppress(TimeoutError):
            while True:
                hanging.accept()[0].close()
                came += 1
    assert came == 1


@pytest.mark.processes
def test_the_others_are_served_while_it_waits_for_the_database(
    whole: Flask, settings: Config
) -> None:
    db.session.remove()
    question = b"GET /%s HTTP/1.0\r\n\r\n"
    with serving(settings) as server, writing_elsewhere(settings), server.connect() as line:
        line.say(question % b"readyz")
        served = 0
        while line.is_waiting():
            assert b" 200 OK" in server.ask(question % b"healthz")
            served += line.is_waiting()
        assert served
        answer = line.rest()
    assert b" 503 " in answer
    # On a slow machine the time of its answer is up before that of the lock.
    assert b"cannot be written" in answer or b"does not answer within" in answer
