"""No acknowledged write is lost, and no write fails because another one is under way."""

import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, text

from crm_app import database
from crm_app.accounts.models import User
from crm_app.demo import make_user
from crm_app.extensions import db


def test_it_keeps_times_in_utc_whatever_zone_they_come_in(app: Flask) -> None:
    lisbon_summer = timezone(timedelta(hours=1))
    user = make_user(signed_in_at=datetime(2026, 7, 1, 12, 30, tzinfo=lisbon_summer))
    db.session.expire_all()
    assert user.signed_in_at == datetime(2026, 7, 1, 11, 30, tzinfo=UTC)
    assert user.signed_in_at.tzinfo is not None


def test_it_refuses_a_time_without_a_zone(app: Flask) -> None:
    with pytest.raises(Exception, match="without a zone"):
        make_user(signed_in_at=datetime(2026, 7, 1, 12, 30))  # noqa: DTZ001
    db.session.rollback()


def test_it_lets_many_writers_take_their_turns_without_an_error(app: Flask) -> None:
    user_id = make_user("Counter", timezone="0").id
    # Reading the id began a transaction, which on SQLite holds the one write lock.
    db.session.rollback()
    failures: list[Exception] = []

    def add_one() -> None:
        with app.app_context():
            try:
                for _ in range(10):
                    row = db.session.get(User, user_id, with_for_update=True)
                    assert row is not None
                    row.timezone = str(int(row.timezone) + 1)
                    db.session.commit()
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=add_one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    db.session.expire_all()
    assert not failures
    assert db.session.get_one(User, user_id).timezone == "80"


def test_it_says_so_when_a_write_never_gets_its_turn(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "GATE_TIMEOUT_S", 0.05)
    make_user("Holder")
    db.session.execute(text("SELECT 1"))
    if db.engine.dialect.name == "postgresql":  # which has many writers: nobody waits
        with db.engine.begin() as second:
            assert second.execute(text("SELECT 1")).scalar_one() == 1
        return
    with pytest.raises(database.DatabaseBusyError), db.engine.begin() as second:
        second.execute(text("SELECT 1"))


def test_it_reads_while_somebody_writes(app: Flask) -> None:
    make_user("Before")
    seen: list[int] = []

    def read() -> None:
        with app.app_context(), database.reading():
            seen.append(db.session.execute(text('SELECT count(*) FROM "user"')).scalar_one())

    db.session.add(User(name="During", email="d@example.com", fs_uniquifier="d"))
    db.session.flush()
    reader = threading.Thread(target=read)
    reader.start()
    reader.join(60)
    db.session.commit()
    assert seen == [1]


def test_it_writes_to_disk_before_it_says_done_on_sqlite(app: Flask) -> None:
    if db.engine.dialect.name != "sqlite":
        assert db.session.execute(text("SHOW synchronous_commit")).scalar_one() == "on"
        return
    assert db.session.execute(text("PRAGMA synchronous")).scalar_one() == 2
    assert db.session.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
    assert db.session.execute(text("PRAGMA foreign_keys")).scalar_one() == 1


def test_it_maps_no_file_where_memory_is_to_be_spared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_mapped", dict(database._mapped))
    engine = create_engine(f"sqlite:///{tmp_path / 'ramal.db'}")
    database.configure_engine(engine)
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA mmap_size")).scalar_one() > 0
    # Also where a connection is open already.
    database.spare_memory(engine)
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA mmap_size")).scalar_one() == 0
    engine.dispose()


def test_it_notices_that_the_server_has_hung_up_before_it_asks_anything(app: Flask) -> None:
    with db.engine.connect(), db.engine.connect():
        pass
    hang_up_on_all(db.engine)
    # None of the two that waited in the pool is good any more, and nobody gets an error of it.
    with database.reading(), db.engine.connect() as first, db.engine.connect() as second:
        assert first.execute(text("SELECT 1")).scalar_one() == 1
        assert second.execute(text("SELECT 1")).scalar_one() == 1


def hang_up_on_all(engine: Engine) -> None:
    """Let the server end the connections of an engine, as its restart does."""
    if engine.dialect.name != "postgresql":
        return
    other = create_engine(engine.url)
    with other.connect() as connection:
        ended = connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                # A vacuum of the server's own may be over before it can be ended.
                " AND backend_type = 'client backend'"
            )
        ).scalars()
        assert all(ended.all())
    other.dispose()


@pytest.mark.parametrize(
    ("url", "seconds"),
    [
        ("postgresql+psycopg://ana@db/ramal", 5),
        ("postgresql+psycopg://ana@db/ramal?connect_timeout=30", None),
        ("sqlite:////tmp/ramal.db", None),
    ],
)
def test_it_waits_for_a_server_no_longer_than_people_do(url: str, seconds: int | None) -> None:
    options = database.engine_options(url)
    assert options.get("connect_args", {}).get("connect_timeout") == seconds
