"""A call that routing refuses is refused once, and the log shows it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.fold.facts import CallPhase, FactKind
from crm_app.calls.models import Call, CallFact
from crm_app.calls.store import ledger
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.telephony.models import UnreadableRequest
from crm_app.telephony.routing import rules
from crm_app.telephony.zadarma.answers import CallReply
from tests.telephony.conftest import Post, start_fields, wait_until_drained
from tests.telephony.test_late import Away, away

ClientOf = Callable[[User], FlaskClient]
__all__ = ["away"]
BUSY = {"redirect": "blacklist"}


@pytest.fixture(autouse=True)
def asked(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[rules.StartingCall]:
    """Refuse whoever is called Mallory; gives what routing was asked."""
    calls: list[rules.StartingCall] = []

    def decide(call: rules.StartingCall, *_others: object) -> rules.Decision:
        calls.append(call)
        if any(caller.name == "Mallory" for caller in call.callers):
            return rules.Decision(CallReply(blacklist=True), refusal="refused for the test")
        return rules.Decision(CallReply())

    monkeypatch.setattr(rules, "decide", decide)
    make_contact("Mallory", phones=("+351910000042",))
    return calls


def facts() -> list[tuple[str, str]]:
    db.session.rollback()
    stored = db.session.scalars(select(CallFact).order_by(CallFact.id))
    return [(row.kind, row.fact.disposition_raw) for row in stored]


def test_it_refuses_the_call_and_shows_it_as_blocked(
    post: Post, alice: User, client_of: ClientOf
) -> None:
    answer = post(start_fields())
    assert (answer.status_code, answer.get_json()) == (200, BUSY)
    assert facts() == [(FactKind.STARTED, ""), (FactKind.REFUSED, "refused for the test")]
    call = db.session.scalars(select(Call)).one()
    assert (call.status, call.phase) == ("blocked", CallPhase.ENDED)
    assert call.contact is not None
    db.session.rollback()
    assert "Refused" in client_of(alice).get("/calls").text


def test_it_gives_the_same_answer_again_and_stores_the_refusal_once(post: Post) -> None:
    fields = start_fields()
    assert [post(fields).get_json() for _again in range(3)] == [BUSY] * 3
    assert [kind for kind, _reason in facts()] == [FactKind.STARTED, FactKind.REFUSED]


def test_it_lets_everybody_else_through(post: Post) -> None:
    assert post(start_fields(caller_id="+351910000043")).get_json() == {}
    assert [kind for kind, _reason in facts()] == [FactKind.STARTED]


def test_routing_knows_the_line_the_time_and_the_callers(
    post: Post, asked: list[rules.StartingCall]
) -> None:
    post(start_fields())
    (call,) = asked
    assert (call.number, call.line) == ("+351910000042", "+351210000001")
    assert [caller.name for caller in call.callers] == ["Mallory"]
    assert abs(call.at - clock.now()) < timedelta(minutes=1)


def test_the_start_and_its_refusal_are_stored_together_or_not_at_all(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = ledger.record

    def fail(connection: object, fact: ledger.Fact, raw: str) -> ledger.Recorded:
        if fact.kind is FactKind.REFUSED:
            raise RuntimeError("a bug of ours")
        return record(connection, fact, raw)  # type: ignore[arg-type]

    monkeypatch.setattr(ledger, "record", fail)
    assert post(start_fields()).status_code == 200
    assert facts() == []
    assert db.session.scalars(select(UnreadableRequest)).one().is_genuine


def test_a_call_that_was_let_through_is_not_refused_afterwards(
    connected: Flask, post: Post, away: Away, asked: list[rules.StartingCall]
) -> None:
    assert post(start_fields()).get_json() == {}
    away.back()
    wait_until_drained(connected)
    assert [kind for kind, _reason in facts()] == [FactKind.STARTED]
    assert asked == []


def test_an_answered_call_is_not_refused_by_a_start_that_comes_again(post: Post) -> None:
    fields = start_fields(caller_id="+351910000043")
    post(fields)
    post(fields | {"event": "NOTIFY_ANSWER", "internal": "101", "destination": "101"})
    make_contact("Mallory", phones=("+351910000043",))
    db.session.commit()
    post(fields)
    assert [kind for kind, _reason in facts()] == [FactKind.STARTED, FactKind.ANSWERED]


def test_an_old_call_that_is_sent_again_is_not_refused(
    post: Post, asked: list[rules.StartingCall]
) -> None:
    began = (clock.now() - timedelta(days=3)).strftime("%Y-%m-%d %H:%M:%S")
    assert post(start_fields(call_start=began)).get_json() == {}
    assert FactKind.REFUSED not in [kind for kind, _reason in facts()]
    assert asked == []


def test_a_menu_never_gets_the_reply_of_a_start(post: Post, visitor: FlaskClient) -> None:
    post(start_fields())
    assert post(start_fields(event="NOTIFY_IVR")).get_json() == {}
