"""/healthz and /readyz: each thing that is broken is named."""

import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from crm_app import clock, create_app
from crm_app.config import Config
from crm_app.extensions import db
from crm_app.health import migrations
from crm_app.health.services import BUS_SECONDS, HEARTBEAT_KEY, HEARTBEAT_LIMIT_SECONDS, beat
from crm_app.live import bus

PARTS = ("database", "event_bus", "migrations", "worker")


@pytest.fixture
def whole(app: Flask) -> Iterator[Flask]:
    """An application that lacks nothing."""
    write_revision(migrations.scripts().get_current_head() or "")
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
    assert time.monotonic() - began < 4 * BUS_SECONDS


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
