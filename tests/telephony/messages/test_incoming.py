"""What clients write is shown with them, and to whom they belong, once."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.accounts.services import change_office
from crm_app.contacts.models import Contact, ContactPhone, NotThisPerson
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.live import screen_updates
from crm_app.simulator.office import Simulator
from crm_app.simulator.scenarios import placeholders, posts, scenario
from crm_app.telephony import services
from crm_app.telephony.models import TextMessage
from tests.owed import perform
from tests.questions import questions
from tests.reader import elements_of
from tests.telephony.conftest import Post, set_switches
from tests.telephony.messages.conftest import CLIENT, HTMX, stored

ClientOf = Callable[[User], FlaskClient]
Sent = list[tuple[frozenset[int], dict[str, int]]]


@pytest.fixture
def on(connected: Flask) -> None:
    """The switch is on."""
    set_switches(connected, sms="on")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What was sent to screens, and to whose."""
    sent: Sent = []
    monkeypatch.setattr(
        screen_updates.screen_updates,
        "enqueue",
        lambda users, message: sent.append((frozenset(users), dict(message))),
    )
    return sent


@pytest.fixture
def write(post: Post) -> Callable[..., None]:
    """Let somebody write to the office, and the worker see it."""

    def send(text: str = "Olá", sender: str = CLIENT, *, by_hand: bool = False) -> None:
        result = {"caller_id": sender, "caller_did": "351210000001", "text": text}
        post({"event": "SMS", "result": json.dumps(result)})
        if not by_hand:
            perform("message_came")

    return send


Write = Callable[..., None]


def notices(told: Sent) -> list[frozenset[int]]:
    return [users for users, message in told if "message" in message]


def contact_of(responsible: User | None = None) -> Contact:
    contact = make_contact("Ana Sousa", phones=(CLIENT,), responsible=responsible)
    db.session.commit()
    return contact


def test_one_of_a_known_number_is_with_its_contact_and_its_responsible_gets_a_notice(
    on: None, write: Write, bob: User, carol: User, told: Sent, client_of: ClientOf
) -> None:
    contact, browser = contact_of(bob), client_of(bob)
    write("Pode ligar-me?")
    (message,) = stored()
    assert (message.contact_id, message.owner_id) == (contact.id, bob.id)
    assert (message.number, message.line) == (CLIENT, "+351210000001")
    assert notices(told) == [frozenset({bob.id})]
    page = browser.get(f"/messages/contact/{contact.id}", headers=HTMX)
    db.session.rollback()
    assert "Pode ligar-me?" in page.text
    notice = browser.get(f"/messages/{message.id}/notice").get_json()
    assert notice == {
        "title": "Message from Ana Sousa",
        "text": "Pode ligar-me?",
        "url": f"/messages/contact/{contact.id}",
    }


def test_of_a_stranger_the_default_responsible_hears_and_without_one_the_managers(
    on: None, write: Write, alice: User, bob: User, dora: User, told: Sent, connected: Flask
) -> None:
    write("Olá", "+351910000099")
    assert notices(told) == [frozenset({alice.id, dora.id})]
    services.set_default_responsible(bob.id)
    db.session.commit()
    write("Está aí?", "+351910000099")
    assert notices(told)[1:] == [frozenset({bob.id})]
    assert [row.contact_id for row in stored()] == [None, None]


def test_one_who_is_away_is_stood_in_for_by_the_deputy(
    on: None, write: Write, bob: User, carol: User, told: Sent
) -> None:
    contact_of(bob)
    bob.away_since, bob.deputy_id = clock.now(), carol.id
    db.session.commit()
    write()
    assert notices(told) == [frozenset({bob.id, carol.id})]


@pytest.mark.parametrize(
    ("seconds", "kept"),
    [
        # A client may write the same twice; the PBX posts again only after it has waited.
        ([0, 0.4], 2),
        ([0, 5], 1),
        ([0, 5, 29, 50], 1),
        ([0, 0.4, 6, 6.4], 2),
        ([0, 31], 2),
    ],
)
def test_two_equal_ones_in_a_second_are_two_and_one_that_is_posted_again_is_one(
    on: None, write: Write, seconds: list[float], kept: int
) -> None:
    start = clock.now()
    for later in seconds:
        with time_machine.travel(start + timedelta(seconds=later), tick=False):
            write("OK", by_hand=True)
    perform("message_came")
    assert len(stored()) == kept
    # What came is kept all the same.
    assert db.session.scalar(select(func.count()).select_from(TextMessage)) == len(seconds)


def test_one_posted_again_that_is_looked_at_before_the_first_is_one_all_the_same(
    on: None, write: Write
) -> None:
    now = clock.now()
    for later in (5, 0):
        with time_machine.travel(now + timedelta(seconds=later), tick=False):
            write("OK")
    assert len(stored()) == 1


def test_with_the_switch_off_it_is_kept_and_nothing_else(
    connected: Flask, write: Write, bob: User, told: Sent, client_of: ClientOf
) -> None:
    contact, browser = contact_of(bob), client_of(bob)
    write()
    assert stored() == []
    assert told == []
    assert db.session.scalar(select(func.count()).select_from(TextMessage)) == 1
    db.session.rollback()
    for path in ("/messages", f"/messages/contact/{contact.id}"):
        assert browser.get(path).status_code == 404
    page = browser.get(f"/contacts/{contact.id}").text
    assert "/messages" not in page


def test_one_from_a_number_that_a_contact_is_given_later_is_with_them_then(
    on: None, write: Write, bob: User, client_of: ClientOf
) -> None:
    browser = client_of(bob)
    write("Sou a Ana")
    contact = make_contact("Ana Sousa")
    db.session.add(ContactPhone(contact_id=contact.id, number=CLIENT))
    db.session.commit()
    assert "Sou a Ana" in browser.get(f"/messages/contact/{contact.id}", headers=HTMX).text


def row_of(page: str) -> tuple[str, bool]:
    """Say where the only message of a list leads to, and whether it names Ana."""
    (row,) = [one for one in elements_of(page) if "data-message" in one.attributes]
    return row.attributes["href"] or "", "Ana Sousa" in page


def test_a_stranger_who_gets_a_name_has_it_in_the_lists_and_everybody_else_is_one(
    on: None, write: Write, bob: User, client_of: ClientOf
) -> None:
    browser, by_number = client_of(bob), f"/messages/with?number=%2B{CLIENT[1:]}"

    def is_stranger() -> bool:
        db.session.rollback()
        found = row_of(browser.get("/messages").text)
        db.session.rollback()
        leads_on = browser.get(by_number).status_code == 303
        db.session.rollback()
        assert found in {(by_number, False), (f"/messages/contact/{ana.id}", True)}
        assert found[1] == leads_on
        return not leads_on

    write("Sou a Ana")
    ana = make_contact("Ana Sousa")
    assert is_stranger()
    ana.phones.append(ContactPhone(number=CLIENT))
    db.session.commit()
    assert not is_stranger()
    rui = make_contact("Rui Sousa", phones=(CLIENT,))
    db.session.commit()
    assert is_stranger()
    rui.deleted_at = clock.now()
    db.session.commit()
    assert not is_stranger()
    db.session.add(NotThisPerson(number=CLIENT, contact_id=ana.id))
    db.session.commit()
    assert is_stranger()


def test_what_a_stranger_wrote_is_seen_by_whose_client_they_become(
    on: None, write: Write, alice: User, bob: User, client_of: ClientOf
) -> None:
    change_office("", restricts_agents=True, by=alice)
    db.session.commit()
    write("Sou a Ana")
    browser, path = client_of(bob), "/messages?all=1"
    assert "Sou a Ana" not in browser.get(path).text
    db.session.rollback()
    ana = contact_of(bob)
    assert "Sou a Ana" in browser.get(path).text
    db.session.rollback()
    ana.deleted_at = clock.now()
    db.session.commit()
    assert "Sou a Ana" not in browser.get(path).text


def test_what_waits_is_listed_until_somebody_says_that_it_needs_no_answer(
    on: None, write: Write, bob: User, client_of: ClientOf
) -> None:
    contact, browser = contact_of(bob), client_of(bob)
    write("Obrigada!")
    assert "Obrigada!" in browser.get("/messages").text
    db.session.rollback()
    browser.post("/messages/handled", data={"contact_id": contact.id, "number": CLIENT})
    db.session.rollback()
    assert "Obrigada!" not in browser.get("/messages").text
    db.session.rollback()
    assert "Obrigada!" in browser.get("/messages?all=1").text


def test_a_restricted_agent_sees_only_what_is_of_their_clients(
    on: None, write: Write, alice: User, bob: User, carol: User, client_of: ClientOf
) -> None:
    contact_of(carol)
    change_office("", restricts_agents=True, by=alice)
    db.session.commit()
    write("Nobody else's business")
    (message,) = stored()
    browser = client_of(bob)
    for path in ("/messages", "/messages?all=1", f"/messages/with?number=%2B{CLIENT[1:]}"):
        answer = browser.get(path)
        db.session.rollback()
        assert answer.status_code == 200
        assert "business" not in answer.text
    assert browser.get(f"/messages/{message.id}/notice").status_code == 404
    db.session.rollback()
    assert "business" in client_of(carol).get("/messages").text


@pytest.mark.parametrize(
    ("name", "kept", "knows"),
    [("sms-in", 1, True), ("sms-in-duplicate", 1, True), ("sms-in-name", 1, False)],
)
def test_the_messages_that_the_pbx_is_known_to_post(
    pbx: Simulator, bob: User, name: str, kept: int, knows: bool
) -> None:
    contact = contact_of(bob)
    values = placeholders(pbx.account.wall_clock(), {"client": CLIENT, "did": pbx.account.did})
    at = clock.now()
    for post in posts(scenario(name), values):
        at += timedelta(seconds=post.delay)
        with time_machine.travel(at, tick=False):
            assert pbx.send(post).status == 200
    perform("message_came")
    rows = stored()
    assert len(rows) == kept
    assert [row.contact_id for row in rows] == [contact.id if knows else None]


def test_a_list_of_many_asks_the_database_no_more_than_one_of_few(
    on: None, write: Write, bob: User, client_of: ClientOf
) -> None:
    contact_of(bob)
    browser, counts = client_of(bob), []
    for count in (1, 8):
        for place in range(count):
            write(f"Message {count} {place}", f"+3519100000{place}{count}", by_hand=True)
        perform("message_came")
        db.session.rollback()
        with questions() as asked:
            page = browser.get("/messages")
        counts.append(len(asked))
        db.session.rollback()
    assert counts[0] == counts[1]
    rows = [one for one in elements_of(page.text) if "data-message" in one.attributes]
    assert len(rows) == 9
