"""Refusals are counted in memory and written apart from the requests that were refused."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import event, func
from sqlalchemy.exc import OperationalError

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.extensions import db
from crm_app.security import events as written
from crm_app.security import refusals as refusals
from crm_app.security import upkeep
from crm_app.security.addresses import shortened
from crm_app.security.kinds import Kind
from crm_app.security.models import SecurityCount, SecurityEvent
from crm_app.security.refusals import RefusalWriter, Sighting
from tests.security.conftest import Events

NOON = datetime(2026, 3, 2, 12, 0, 10, tzinfo=UTC)


@pytest.fixture
def noon() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def writer(app: Flask) -> RefusalWriter:
    return RefusalWriter(db.engine)


def purge() -> None:
    """Purge as the worker does."""
    upkeep.purge()
    db.session.commit()


def rows() -> int:
    db.session.rollback()
    return db.session.scalar(db.select(func.count()).select_from(SecurityEvent)) or 0


def test_the_same_refusal_within_a_minute_is_one_row_with_a_count(
    writer: RefusalWriter, bob: User, noon: time_machine.Traveller
) -> None:
    seen = Sighting(Kind.FORBIDDEN, user_id=bob.id, address="192.0.2.7", detail="people")
    db.session.commit()
    writer.add(seen)
    writer.write()
    for _again in range(3):
        noon.shift(10)
        writer.add(seen)
        writer.write()
    found = db.session.scalars(db.select(SecurityEvent)).one()
    assert (found.count, found.at, found.last_at) == (4, NOON, NOON + timedelta(seconds=30))
    db.session.rollback()
    noon.shift(60)
    writer.add(seen)
    writer.write()
    assert rows() == 2


def test_a_flood_from_many_places_grows_the_table_by_few_rows(
    writer: RefusalWriter, noon: time_machine.Traveller
) -> None:
    for minute in range(60):
        for place in range(100):
            address = f"10.{minute}.{place}.1"
            writer.add(Sighting(Kind.PASSWORD_WRONG, address=address))
        writer.write()
        noon.shift(60)
    assert rows() <= refusals.KEYS_AN_HOUR + 61 + 1
    assert db.session.scalar(db.select(func.sum(SecurityEvent.count))) == 6_000


def test_a_flood_of_one_kind_does_not_hide_another(
    writer: RefusalWriter, noon: time_machine.Traveller
) -> None:
    for place in range(1_000):
        writer.add(Sighting(Kind.WEBHOOK_REFUSED, address=f"10.0.{place // 250}.{place % 250}"))
    writer.add(Sighting(Kind.PASSWORD_WRONG, address="192.0.2.7"))
    writer.write()
    wrong = db.select(SecurityEvent.address).where(SecurityEvent.kind == Kind.PASSWORD_WRONG)
    assert db.session.scalars(wrong).all() == ["192.0.2.7"]


def test_a_refusal_takes_no_statement_until_it_is_written(
    app: Flask, writer: RefusalWriter
) -> None:
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        for _again in range(500):
            writer.add(Sighting(Kind.FORBIDDEN, address="192.0.2.7"))
        assert not asked
        writer.write()
        assert 0 < len(asked) <= 2
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def test_what_cannot_be_written_is_kept_for_the_next_time(writer: RefusalWriter) -> None:
    def fail(*_told: object) -> None:
        raise OperationalError("", {}, Exception("away"))

    writer.add(Sighting(Kind.FORBIDDEN))
    writer.add(Sighting(Kind.NOT_FOUND))
    event.listen(db.engine, "before_cursor_execute", fail)
    try:
        with pytest.raises(OperationalError):
            writer.write()
        writer.add(Sighting(Kind.FORBIDDEN))
    finally:
        event.remove(db.engine, "before_cursor_execute", fail)
    writer.write()
    assert db.session.scalars(db.select(SecurityEvent.count)).all() == [2]
    assert db.session.scalars(db.select(SecurityCount.total)).all() == [1]


def test_it_writes_by_itself_a_moment_later(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "WRITES_EVERY_SECONDS", 0.01)
    is_written = threading.Event()
    monkeypatch.setattr(RefusalWriter, "writes_by_itself", True)
    own = RefusalWriter(db.engine)
    event.listen(db.engine, "commit", lambda _connection: is_written.set(), once=True)
    own.add(Sighting(Kind.FORBIDDEN, address="192.0.2.7"))
    assert is_written.wait(60)
    # Whoever writes has the lock until the row is there.
    own.write()
    assert rows() == 1


def test_a_rolled_back_request_loses_what_it_did_but_not_what_was_refused(
    app: Flask, bob: User, events: Events
) -> None:
    written.done(Kind.ROLE_CHANGED, about=bob.id, detail="manager")
    written.refused(Kind.FORBIDDEN, by=bob.id, detail="accounts.index")
    db.session.rollback()
    assert [one.kind for one in events()] == [Kind.FORBIDDEN]


def test_a_page_that_is_not_there_is_only_counted(app: Flask, events: Events) -> None:
    browser = app.test_client()
    for _again in range(3):
        assert browser.get("/wp-login.php").status_code == 404
    assert events() == []
    assert upkeep.totals()[Kind.NOT_FOUND] == 3


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unknown", ""),
    ],
)
def test_of_an_address_only_the_network_is_kept_for_long(address: str, kept: str) -> None:
    assert shortened(address) == kept


def test_addresses_are_shortened_after_a_month_and_events_go_after_a_year(
    app: Flask, writer: RefusalWriter, noon: time_machine.Traveller
) -> None:
    writer.add(Sighting(Kind.PASSWORD_WRONG, address="192.0.2.77"))
    writer.add(Sighting(Kind.PASSWORD_WRONG, address="192.0.2.77"))
    writer.write()
    noon.shift(timedelta(days=29))
    purge()
    assert db.session.scalars(db.select(SecurityEvent.address)).all() == ["192.0.2.77"]
    noon.shift(timedelta(days=2))
    purge()
    assert db.session.scalars(db.select(SecurityEvent.address)).all() == ["192.0.2.0/24"]
    noon.shift(timedelta(days=335))
    purge()
    assert rows() == 0
    assert upkeep.totals()[Kind.PASSWORD_WRONG] == 2


def test_of_each_kind_only_the_newest_stay_and_the_figures_remember_all(
    app: Flask, monkeypatch: pytest.MonkeyPatch, noon: time_machine.Traveller
) -> None:
    monkeypatch.setattr(upkeep, "MOST_OF_A_KIND", 5)
    for second in range(8):
        at = clock.now() + timedelta(seconds=second)
        db.session.add(SecurityEvent(kind=Kind.SIGNED_IN, at=at, last_at=at))
    db.session.add(SecurityEvent(kind=Kind.SIGNED_OUT))
    db.session.commit()
    purge()
    assert upkeep.totals()[Kind.SIGNED_IN] == 8
    assert upkeep.totals()[Kind.SIGNED_OUT] == 1
    assert rows() == 6
