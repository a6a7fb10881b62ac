"""A notification that had to wait for the database is as good as one that had not."""

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.models import Call, CallFact
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.live import bus
from crm_app.live.messages import channel_of, missed
from crm_app.live.screen_updates import screen_updates
from crm_app.telephony import services
from crm_app.telephony.connection import LinkCache
from crm_app.telephony.models import UnreadableRequest
from crm_app.telephony.webhook import inbox
from crm_app.telephony.webhook.spool import Emptying
from crm_app.telephony.zadarma.signing import sign_webhook
from tests.telephony.conftest import SECRET, Post, start_fields, wait_until_drained

RANG = {"event": "NOTIFY_INTERNAL", "internal": "101"}


class Away:
    """A database that takes nothing until `back`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self._kept = {name: getattr(inbox, name) for name in ("store", "keep")}
        for name in self._kept:
            monkeypatch.setattr(inbox, name, self.fail)

    def fail(self, *_: object, **__: object) -> Any:
        """Do as a database that cannot be reached."""
        raise OperationalError("INSERT", {}, Exception("away"))

    def back(self) -> None:
        for name, real in self._kept.items():
            self._patch.setattr(inbox, name, real)


@pytest.fixture
def away(connected: Flask, monkeypatch: pytest.MonkeyPatch) -> Away:
    """A database that takes nothing for now."""
    return Away(monkeypatch)


@contextmanager
def emptied_by_another(app: Flask) -> Iterator[Emptying]:
    """Let another process be at the spool, and take its time."""
    while True:
        with app.extensions["webhook_receiver"].spool.emptying() as emptying:
            if emptying is not None:
                yield emptying
                return
        threading.Event().wait(0.005)


def facts() -> list[CallFact]:
    db.session.rollback()
    found = list(db.session.scalars(select(CallFact).order_by(CallFact.id)))
    db.session.expunge_all()
    # Nothing may go on waiting for this look.
    db.session.rollback()
    return found


def test_it_keeps_the_time_at_which_it_came(connected: Flask, post: Post, away: Away) -> None:
    with time_machine.travel(clock.now() - timedelta(minutes=10), tick=False):
        came_at = clock.now()
        assert post(start_fields()).status_code == 200
    away.back()
    wait_until_drained(connected)
    assert [fact.received_at for fact in facts()] == [came_at]
    assert [fact.fact.received_at for fact in facts()] == [came_at]


def test_what_comes_later_waits_behind_it(connected: Flask, post: Post, away: Away) -> None:
    ids = [f"in_{number}" for number in (3, 1, 2)]
    post(start_fields(pbx_call_id=ids[0]))
    with emptied_by_another(connected):
        away.back()
        for pbx_call_id in ids[1:]:
            assert post(start_fields(pbx_call_id=pbx_call_id)).status_code == 200
        assert facts() == []
    wait_until_drained(connected)
    assert [fact.pbx_call_id for fact in facts()] == ids


def test_the_screens_are_told_and_the_call_is_answered_without_a_name(
    connected: Flask, post: Post, bob: User, away: Away
) -> None:
    make_contact("Ana Sousa", phones=("+351910000042",))
    bus.client().flushdb()
    channel = channel_of(bob.id)
    db.session.rollback()
    assert post(start_fields()).get_json() == {}
    post(start_fields(**RANG))
    away.back()
    wait_until_drained(connected)
    assert screen_updates.wait_until_sent(60)
    call = db.session.scalars(select(Call)).one()
    assert call.contact is not None
    assert [text for _, text in missed(bus.client(), channel, (0, 0))] == [f'{{"call":{call.id}}}']


def test_what_nobody_understands_is_kept_once_however_often_it_is_taken_in(
    connected: Flask, visitor: FlaskClient, away: Away
) -> None:
    answer = visitor.post("/zadarma", data=b"{", content_type="application/json")
    assert answer.status_code == 200
    desk = connected.extensions["webhook_receiver"]
    with emptied_by_another(connected) as emptying:
        records = emptying.next(9)
        away.back()
        for _ in range(2):
            desk._take_in([record.arrival for record in records])
    wait_until_drained(connected)
    db.session.rollback()
    assert len(db.session.scalars(select(UnreadableRequest)).all()) == 1


def test_a_secret_that_changes_meanwhile_loses_no_call(
    connected: Flask, key: str, post: Post, away: Away
) -> None:
    assert post(start_fields()).status_code == 200
    services.save_keys(key, "anothersecret", connected.extensions["vault"])
    db.session.commit()
    connected.extensions["telephony_links"].forget()
    away.back()
    wait_until_drained(connected)
    assert len(facts()) == 1


def nobody_can_read(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let the database not even be read; gives what ends that."""
    read = LinkCache.read

    def fail(_self: LinkCache) -> Any:
        raise OperationalError("SELECT", {}, Exception("away"))

    monkeypatch.setattr(LinkCache, "read", fail)
    return lambda: monkeypatch.setattr(LinkCache, "read", read)


def test_keys_are_remembered_while_the_database_is_away(
    connected: Flask, post: Post, away: Away, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected.extensions["telephony_links"].read()
    monkeypatch.setattr("crm_app.telephony.connection.MAX_AGE_SECONDS", -1)
    can_read = nobody_can_read(monkeypatch)
    assert post(start_fields()).status_code == 200
    with emptied_by_another(connected) as emptying:
        assert [record.arrival.is_verified for record in emptying.next(9)] == [True]
    away.back()
    can_read()
    wait_until_drained(connected)
    assert len(facts()) == 1


def test_a_start_without_database_keeps_what_it_cannot_verify_and_verifies_it_later(
    connected: Flask, post: Post, away: Away, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected.extensions["telephony_links"].forget()
    can_read = nobody_can_read(monkeypatch)
    assert post(start_fields()).status_code == 200
    assert post(start_fields(pbx_call_id="in_forged"), signature="forged").status_code == 200
    away.back()
    can_read()
    wait_until_drained(connected)
    assert [fact.pbx_call_id for fact in facts()] == [start_fields()["pbx_call_id"]]


def test_a_forged_notification_is_refused_while_the_keys_are_known(post: Post, away: Away) -> None:
    assert post(start_fields(), signature="forged").status_code == 403


def test_it_is_seen_how_much_waits(
    connected: Flask, visitor: FlaskClient, post: Post, away: Away
) -> None:
    post(start_fields())
    post(start_fields(pbx_call_id="in_2"))
    told = visitor.get("/readyz").get_json()["spool"]
    assert told["records"] == 2
    assert 0 <= told["oldest_seconds"] < 60
    away.back()
    wait_until_drained(connected)
    assert visitor.get("/readyz").get_json()["spool"] == {"records": 0, "oldest_seconds": 0}


def test_a_plus_that_was_signed_unencoded_is_read(connected: Flask, visitor: FlaskClient) -> None:
    fields = start_fields()
    body = "&".join(f"{name}={value.replace(' ', '%20')}" for name, value in fields.items())
    answer = visitor.post(
        "/zadarma", data=body, headers={"Signature": sign_webhook(fields, SECRET)},
        content_type="application/x-www-form-urlencoded",
    )  # fmt: skip
    assert answer.status_code == 200
    assert [fact.fact.caller for fact in facts()] == ["+351910000042"]


def test_a_notification_in_json_may_hold_numbers(connected: Flask, visitor: FlaskClient) -> None:
    began = start_fields()["call_start"]
    body = (
        '{"event": "NOTIFY_END", "pbx_call_id": "in_7", "caller_id": 351910000042, '
        f'"called_did": 351210000001, "call_start": "{began}", "duration": 35, "internal": 101, '
        '"disposition": "answered", "is_recorded": true, "call_id_with_rec": 1772442907.100200, '
        '"transfer_from": null, "status_code": 16}'
    )
    signed = {"event": "NOTIFY_END", "caller_id": "351910000042", "called_did": "351210000001"}
    signature = sign_webhook(signed | {"call_start": began}, SECRET)
    answer = visitor.post(
        "/zadarma", data=body, headers={"Signature": signature}, content_type="application/json"
    )
    assert answer.status_code == 200
    fact = facts()[0].fact
    assert (fact.caller, fact.did, fact.extension) == ("+351910000042", "+351210000001", "101")
    assert (fact.talk_seconds, fact.is_recorded) == (35, True)
    assert fact.recording_id == "1772442907.100200"


@pytest.mark.parametrize(
    "began",
    [
        "02025-01-05 10:00:00", "2025-01-05T10:00:00", "2025-1-5 10:00:00", "yesterday",
        "2025-01-05 10:00", "12025-01-05 10:00:00", "2025-02-30 10:00:00", "2025-01-05  10:00:00",
    ],
)  # fmt: skip
def test_a_call_without_an_exact_time_is_stored_and_rings_nobody(
    connected: Flask, post: Post, bob: User, began: str
) -> None:
    bus.client().flushdb()
    channel = channel_of(bob.id)
    db.session.rollback()
    assert post(start_fields(**RANG, call_start=began)).status_code == 200
    assert screen_updates.wait_until_sent(60)
    assert not db.session.scalars(select(Call)).one().is_live
    assert missed(bus.client(), channel, (0, 0)) == []


def test_digits_moved_from_the_line_into_the_time_do_not_ring(post: Post, bob: User) -> None:
    with time_machine.travel(clock.now() - timedelta(days=300)):
        long_ago = start_fields(**RANG)
    signature = sign_webhook(long_ago, SECRET)
    moved = long_ago | {
        "called_did": long_ago["called_did"][:-1],
        "call_start": long_ago["called_did"][-1] + long_ago["call_start"],
    }
    assert post(moved, signature=signature).status_code == 200
    assert not db.session.scalars(select(Call)).one().is_live


def test_a_signature_that_comes_with_a_second_call_is_logged(
    post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    # The process remembers what other tests have sent: this caller has a signature of its own.
    number = f"+35191{secrets.randbelow(10**7):07}"
    post(start_fields(caller_id=number))
    post(start_fields(caller_id=number))
    assert "another call" not in caplog.text
    post(start_fields(caller_id=number, pbx_call_id="in_another"))
    assert "another call" in caplog.text
