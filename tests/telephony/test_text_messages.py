"""Text messages are stored before the PBX gets its answer, and none is lost."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.extensions import db
from crm_app.health import migrations
from crm_app.telephony.models import TextMessage, UnreadableRequest
from crm_app.telephony.webhook import quarantine, text_messages
from tests.telephony.conftest import Post, wait_until_drained
from tests.telephony.test_late import Away, away

__all__ = ["away"]


def message(text: str = "Olá, até já", sender: str = "+351910000042") -> dict[str, str]:
    result = {"caller_id": sender, "caller_did": "351210000001", "text": text}
    return {"event": "SMS", "result": json.dumps(result)}


def stored() -> list[TextMessage]:
    db.session.rollback()
    return list(db.session.scalars(select(TextMessage).order_by(TextMessage.id)))


def test_it_is_on_disk_before_the_answer_with_both_numbers_in_one_form(post: Post) -> None:
    with time_machine.travel("2026-03-02 09:15:00+00:00", tick=False):
        answer = post(message())
        now = clock.now()
    assert (answer.status_code, answer.data) == (200, b"")
    (kept,) = stored()
    assert (kept.sender, kept.line, kept.text) == ("+351910000042", "+351210000001", "Olá, até já")
    assert kept.received_at == now
    assert "caller_did" in kept.raw


def test_a_company_that_writes_under_a_name_keeps_it(post: Post) -> None:
    post(message(sender="MEO123"))
    assert [kept.sender for kept in stored()] == ["MEO123"]


def test_two_that_say_the_same_are_two(post: Post) -> None:
    for minutes in (0, 1):
        with time_machine.travel(clock.now() + timedelta(minutes=minutes), tick=False):
            post(message("OK"))
    assert [kept.text for kept in stored()] == ["OK", "OK"]


def test_an_unsigned_one_is_refused(post: Post) -> None:
    assert post(message(), signature=None).status_code == 403
    assert stored() == []


def test_one_that_comes_while_the_database_is_away_is_stored_with_its_own_time(
    connected: Flask, post: Post, away: Away, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = text_messages.store
    monkeypatch.setattr(text_messages, "store", away.fail)
    with time_machine.travel(clock.now() - timedelta(minutes=5), tick=False):
        came_at = clock.now()
        assert post(message()).status_code == 200
    monkeypatch.setattr(text_messages, "store", real)
    away.back()
    wait_until_drained(connected)
    assert [kept.received_at for kept in stored()] == [came_at]


def test_one_that_a_bug_kept_from_being_stored_is_stored_once_it_is_fixed(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a bug of ours")

    with monkeypatch.context() as broken:
        broken.setattr(text_messages, "store", fail)
        assert post(message()).status_code == 200
    assert stored() == []
    came_at = db.session.scalars(select(UnreadableRequest.received_at)).one()
    db.session.rollback()
    assert quarantine.retry_quarantined("PT") == quarantine.RetryResult(taken=1, left=0)
    assert [kept.received_at for kept in stored()] == [came_at]


def test_the_same_notification_taken_in_twice_is_one_message(app: Flask) -> None:
    event = text_messages.MessageReceived(name="SMS", sender="+351910000042", text="OK")
    now = clock.now()
    with db.engine.begin() as connection:
        for _again in range(2):
            text_messages.store(connection, event, now, "raw", "PT")
    assert len(stored()) == 1


def test_they_are_counted_in_the_metrics(
    post: Post,
    alice: User,
    client_of: Callable[[User], FlaskClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(migrations, "state", lambda _connection: migrations.State.CURRENT)
    post(message())
    (kept,) = stored()
    db.session.rollback()
    # PostgreSQL counts on from where the tests before this one stopped.
    assert f"ramal_text_messages {float(kept.id)}" in client_of(alice).get("/metrics").text
