"""Several requests share one transaction, and none pays for another's fault."""

import sqlite3
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, NullPool, create_engine, func, insert, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from crm_app import clock, database
from crm_app.calls.models import CallFact
from crm_app.calls.store.hot_sql import Statement, run
from crm_app.calls.store.ledger import lock
from crm_app.database import is_away
from crm_app.extensions import db
from crm_app.telephony.models import UnreadableRequest
from crm_app.telephony.webhook import inbox
from crm_app.telephony.webhook.group_commit import GroupCommit
from crm_app.telephony.zadarma.signing import sign_webhook
from tests.patience import wait_until
from tests.telephony.conftest import SECRET, Post, start_fields, wait_until_drained


def keep(body: bytes) -> Callable[[Connection], bytes]:
    """Make work that writes a row."""

    def do(connection: Connection) -> bytes:
        row = {"body": body, "received_at": clock.now(), "sender": "", "content_type": ""}
        connection.execute(insert(UnreadableRequest), {**row, "reason": ""})
        return body

    return do


def bodies() -> set[bytes]:
    """Read what was written."""
    found = set(db.session.scalars(select(UnreadableRequest.body)))
    db.session.rollback()
    return found


def all_at_once(together: GroupCommit, works: list[Callable[[Connection], bytes]]) -> list[object]:
    """Let threads do their works while the desk is held, so that all of them wait for it."""
    results: list[object] = [None] * len(works)

    def run(place: int) -> None:
        try:
            results[place] = together.run(f"{place:02}", works[place])
        except Exception as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(works))]
    with together._lock:
        for thread in threads:
            thread.start()
        wait_until(lambda: len(together._waiting) >= len(works), "some do not come")
    for thread in threads:
        thread.join(30)
    return results


def test_those_who_wait_share_one_transaction(app: Flask) -> None:
    seen: set[int] = set()

    def noting(do: Callable[[Connection], bytes]) -> Callable[[Connection], bytes]:
        def noted(connection: Connection) -> bytes:
            seen.add(id(connection.get_transaction()))
            return do(connection)

        return noted

    names = [b"%d" % place for place in range(10)]
    results = all_at_once(GroupCommit(db.engine), [noting(keep(name)) for name in names])
    assert results == names
    assert bodies() == set(names)
    assert len(seen) == 1


def test_a_fault_of_one_is_not_the_others(app: Flask) -> None:
    def spoil(connection: Connection) -> bytes:
        keep(b"half")(connection)
        raise RuntimeError("mine alone")

    results = all_at_once(GroupCommit(db.engine), [keep(b"a"), spoil, keep(b"b")])
    assert (results[0], results[2]) == (b"a", b"b")
    assert isinstance(results[1], RuntimeError)
    assert bodies() == {b"a", b"b"}


def test_a_database_that_is_away_is_told_to_all(app: Flask) -> None:
    def away(connection: Connection) -> bytes:
        raise OperationalError("INSERT", {}, Exception("away"))

    results = all_at_once(GroupCommit(db.engine), [keep(b"a"), away])
    assert [type(result) for result in results] == [OperationalError, OperationalError]
    assert bodies() == set()
    together = GroupCommit(db.engine)
    with pytest.raises(OperationalError):
        together.run("", away)
    assert together.run("", keep(b"later")) == b"later"


class Trouble:
    """A database that works again after a while; how it fails is real and differs by engine.

    On SQLite the file can only be read, on PostgreSQL somebody holds what the fact needs.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._store = inbox.store
        self._other: Connection | None = None
        self.tries = 0
        monkeypatch.setattr(inbox, "store", self.store)

    def store(self, connection: Connection, *what: Any, **how: Any) -> list[inbox.Stored]:
        self.tries += 1
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL lock_timeout = '100ms'")
            return self._store(connection, *what, **how)
        connection.exec_driver_sql(f"PRAGMA query_only = {'ON' if self._other else 'OFF'}")
        try:
            return self._store(connection, *what, **how)
        finally:
            connection.exec_driver_sql("PRAGMA query_only = OFF")

    def begin(self, pbx_call_id: str) -> None:
        with database.reading():
            self._other = db.engine.connect()
            if db.engine.dialect.name == "postgresql":
                lock(self._other, pbx_call_id)

    def end(self) -> None:
        assert self._other is not None
        self._other.close()
        self._other = None


def test_a_database_that_fails_for_a_moment_loses_no_notification(
    connected: Flask, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = start_fields()
    trouble = Trouble(monkeypatch)
    trouble.begin(fields["pbx_call_id"])
    assert post(fields).status_code == 200
    assert (count(CallFact), count(UnreadableRequest)) == (0, 0)
    trouble.end()
    wait_until_drained(connected)
    assert (count(CallFact), count(UnreadableRequest)) == (1, 0)


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_who_lost_a_deadlock_tries_again(app: Flask) -> None:
    tries: list[int] = []

    def lose_once(connection: Connection) -> bytes:
        tries.append(1)
        if len(tries) == 1:
            raise psycopg.errors.DeadlockDetected
        return keep(b"won")(connection)

    assert GroupCommit(db.engine).run("", lose_once) == b"won"
    assert bodies() == {b"won"}


def test_a_mistake_of_ours_is_not_taken_for_a_database_that_is_away(app: Flask) -> None:
    def mistaken(connection: Connection) -> bytes:
        run(connection, Statement("SELECT nothing FROM call", "SELECT nothing FROM call"), {})
        return b""

    with pytest.raises(DBAPIError) as caught:
        GroupCommit(db.engine).run("", mistaken)
    assert not is_away(caught.value)


def test_errors_of_the_driver_are_told_as_sqlalchemy_tells_them(app: Flask) -> None:
    # The look-up of a caller asks the driver by itself, too.
    error = psycopg.errors.QueryCanceled() if is_postgresql() else sqlite3.OperationalError("busy")

    def fail(_connection: Connection) -> bytes:
        raise error

    with pytest.raises(OperationalError) as caught:
        GroupCommit(db.engine).run("", fail)
    assert is_away(caught.value)
    assert caught.value.orig is error


def is_postgresql() -> bool:
    return db.engine.dialect.name == "postgresql"


def count(model: type[CallFact | UnreadableRequest]) -> int:
    db.session.rollback()
    found = db.session.scalar(select(func.count(model.id))) or 0
    db.session.rollback()
    return found


def test_connections_that_are_gone_cost_no_notification(connected: Flask, post: Post) -> None:
    assert post(start_fields(pbx_call_id=f"in_{'a' * 40}")).status_code == 200
    db.session.remove()
    end_all_connections(connected.extensions["telephony_engine"])
    assert post(start_fields(pbx_call_id=f"in_{'b' * 40}")).status_code == 200
    assert (count(CallFact), count(UnreadableRequest)) == (2, 0)


def end_all_connections(engine: Engine) -> None:
    """Pull the plug of every connection in the engine's pool, and of no other."""
    if is_postgresql():
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as other:
            other.execute(
                text(
                    "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    " AND state = 'idle'"
                )
            )
        return
    for waiting in [engine.connect() for _ in range(3)]:
        waiting.close()
    for waiting in list(engine.pool._pool.queue):  # type: ignore[attr-defined]
        waiting.dbapi_connection.close()


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_a_restart_of_the_database_leaves_every_fact_in_the_log(post: Post) -> None:
    assert post(start_fields(pbx_call_id=f"in_{'a' * 40}")).status_code == 200
    db.session.remove()
    # Several connections wait in the pool, and the restart ends them all.
    for connection in [db.engine.connect() for _ in range(4)]:
        connection.close()
    outside = create_engine(db.engine.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with outside.connect() as other:
        other.execute(
            text(
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    assert post(start_fields(pbx_call_id=f"in_{'b' * 40}")).status_code == 200
    stored = set(db.session.scalars(select(CallFact.pbx_call_id)))
    assert stored == {f"in_{'a' * 40}", f"in_{'b' * 40}"}
    assert db.session.scalar(select(func.count(UnreadableRequest.id))) == 0


def test_notifications_that_come_together_are_all_stored(connected: Flask) -> None:
    statuses: list[int] = []
    began = start_fields()["call_start"]

    def post(thread: int) -> None:
        client = connected.test_client()
        for turn in range(15):
            call = f"in_{turn % 5}_{thread % 4}"
            fields = start_fields(pbx_call_id=call, called_did=f"{turn}", call_start=began)
            headers = {"Signature": sign_webhook(fields, SECRET)}
            statuses.append(client.post("/zadarma", data=fields, headers=headers).status_code)

    threads = [threading.Thread(target=post, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert statuses == [200] * 120
    # On a slow machine some of them find no connection in time, and come in later.
    wait_until_drained(connected)
    assert db.session.scalar(select(func.count(CallFact.id))) == 60
