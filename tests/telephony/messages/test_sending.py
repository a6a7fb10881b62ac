"""A message is sent once by a click, and what became of it is said."""

import re
from collections.abc import Callable

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.models import Call
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.simulator.office import Simulator
from crm_app.telephony.messages import services
from crm_app.telephony.messages.services import NewMessage
from tests.owed import perform
from tests.telephony.conftest import set_switches
from tests.telephony.messages.conftest import CLIENT, HTMX, stored

ClientOf = Callable[[User], FlaskClient]
Send = Callable[..., TestResponse]


@pytest.fixture
def contact(app: Flask) -> Contact:
    """Whom one writes to."""
    contact = make_contact("Ana Sousa", phones=(CLIENT,))
    db.session.commit()
    return contact


@pytest.fixture
def send(pbx: Simulator, bob: User, contact: Contact, client_of: ClientOf) -> Send:
    """Let Bob send what he has typed on Ana's page."""
    browser = client_of(bob)
    contact_id = contact.id
    db.session.rollback()

    def click(text: str = "Good morning", **more: object) -> TestResponse:
        form = {"contact_id": contact_id, "number": CLIENT, "text": text, **more}
        answer = browser.post("/messages/send", data=form, headers=HTMX)
        db.session.rollback()
        return answer

    return click


def asked(pbx: Simulator) -> list[dict[str, str]]:
    return [call.params for call in pbx.api_calls if call.path == "/v1/sms/send/"]


def said(answer: TestResponse) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


def test_it_goes_out_by_the_api_and_stands_on_the_page_with_its_parts_and_price(
    pbx: Simulator, send: Send, contact: Contact, bob: User
) -> None:
    answer = send("Olá, Ana")
    assert answer.status_code == 200
    assert "Olá, Ana" in said(answer)
    assert "Bob Agent 1 part €0.06" in said(answer)
    (sms,) = pbx.account.sent
    assert (sms.number, sms.text, sms.sender) == ("351910000042", "Olá, Ana", "zadarma.com")
    (message,) = stored()
    assert (message.state, message.user_id, message.contact_id) == ("sent", bob.id, contact.id)
    assert (message.parts, message.cost, message.currency) == (1, "0.06", "EUR")


def test_the_same_form_sent_twice_is_one_message(pbx: Simulator, send: Send) -> None:
    for _again in range(2):
        assert send("Once", form_key="a key of the form").status_code == 200
    assert len(pbx.account.sent) == len(stored()) == 1
    send("Once", form_key="another click")
    assert len(pbx.account.sent) == 2


def test_the_sender_is_one_that_the_pbx_allows_and_is_offered_next_time(
    pbx: Simulator, send: Send, contact: Contact, bob: User, client_of: ClientOf
) -> None:
    assert send(sender="Ramal").status_code == 422
    assert asked(pbx) == []
    perform("message_senders")
    assert send(sender="Ramal").status_code == 200
    assert pbx.account.sent[0].sender == "Ramal"
    (message,) = stored()
    assert message.line == "Ramal"
    page = client_of(bob).get(f"/messages/contact/{contact.id}", headers=HTMX).text
    assert '<option value="Ramal" selected>Ramal</option>' in page


def test_the_page_never_asks_the_pbx_for_senders(
    pbx: Simulator, contact: Contact, bob: User, client_of: ClientOf
) -> None:
    assert client_of(bob).get(f"/messages/contact/{contact.id}").status_code == 200
    assert pbx.api_calls == []


def test_a_country_nobody_has_written_to_is_asked_for_after_the_first_message(
    pbx: Simulator, send: Send, bob: User, client_of: ClientOf
) -> None:
    send(contact_id="", number="+44 20 7946 0018")
    perform("message_senders_of")
    phones = [c.params["phones"] for c in pbx.api_calls if c.path == "/v1/sms/senderid/"]
    assert phones == ["442079460018"]
    page = client_of(bob).get("/messages/with?number=%2B442079460018").text
    assert '<option value="Ramal">Ramal</option>' in page


@pytest.mark.parametrize(
    ("kind", "state", "words"),
    [
        ("limit", "failed", "Too many requests to Zadarma in this minute."),
        ("limit200", "failed", "Too many requests to Zadarma in this minute."),
        ("error", "uncertain", "nobody knows whether this was sent"),
        ("html", "uncertain", "nobody knows whether this was sent"),
        ("down", "uncertain", "nobody knows whether this was sent"),
    ],
)
def test_what_went_wrong_is_said_and_nothing_is_sent_again(
    pbx: Simulator, send: Send, kind: str, state: str, words: str
) -> None:
    pbx.inject(kind, path="/v1/sms/", times=1)  # type: ignore[arg-type]
    answer = send(form_key="one click")
    assert words in said(answer)
    (message,) = stored()
    assert message.state == state
    # What surely was not sent stays in the field.
    assert ("Good morning</textarea>" in answer.text) == (state == "failed")
    send(form_key="one click")
    assert len(asked(pbx)) <= 1
    assert len(stored()) == 1


def test_what_the_pbx_denies_is_said_in_its_own_words(pbx: Simulator, send: Send) -> None:
    pbx.account.denied.add("351910000042")
    assert "Not sent. The PBX says: The operator does not take messages" in said(send())
    assert stored()[0].state == "failed"


def test_without_money_it_is_said(pbx: Simulator, send: Send) -> None:
    pbx.account.balance *= 0
    assert "The Zadarma account has no credit left." in said(send())


def test_one_that_a_stopped_server_left_is_uncertain_and_is_not_sent(
    pbx: Simulator, contact: Contact, bob: User, client_of: ClientOf
) -> None:
    services.write(NewMessage(bob.id, CLIENT, "Lost", contact_id=contact.id), 1)
    db.session.commit()
    browser = client_of(bob)
    assert "Being sent" in browser.get(f"/messages/contact/{contact.id}").text
    db.session.rollback()
    with time_machine.travel(clock.now().timestamp() + 61):
        page = browser.get(f"/messages/contact/{contact.id}").text
    assert "nobody knows whether this was sent" in page
    assert asked(pbx) == []


def test_who_asked_not_to_be_called_is_written_to_only_after_a_question(
    pbx: Simulator, send: Send, contact: Contact
) -> None:
    contact.do_not_call = True
    db.session.commit()
    answer = send("Sorry")
    assert answer.status_code == 422
    assert "asked not to be called. Send the message anyway?" in said(answer)
    assert "Sorry</textarea>" in answer.text
    assert stored() == []
    assert send("Sorry", confirm="yes").status_code == 200
    assert len(pbx.account.sent) == 1


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"text": " \u200b"}, "Write something first."),
        ({"text": "a" * 1300}, "Use at most 8 parts."),
        ({"contact_id": "", "number": "102"}, "This number is too short."),
        ({"contact_id": "", "number": "12"}, "This number is too short."),
        ({"contact_id": "", "number": "+351 210 000 001"}, "a number of your own office"),
    ],
)
def test_what_cannot_be_sent_is_refused_in_one_sentence(
    pbx: Simulator, send: Send, typed: dict[str, str], words: str
) -> None:
    perform("direct_numbers")
    answer = send(**typed)
    assert answer.status_code == 422
    assert words in said(answer)
    assert stored() == []


def test_nobody_uses_up_what_the_pbx_allows_the_office(pbx: Simulator, send: Send) -> None:
    for _again in range(10):
        assert send().status_code == 200
    answer = send("One more")
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "Too many messages in a short time." in said(answer)
    assert len(pbx.account.sent) == 10


def test_parts_and_price_are_shown_before_it_is_sent(
    pbx: Simulator, send: Send, bob: User, client_of: ClientOf
) -> None:
    browser = client_of(bob)

    def counted(text: str) -> str:
        answer = browser.post("/messages/count", data={"text": text, "number": CLIENT})
        db.session.rollback()
        return said(answer).strip()

    assert counted("a" * 161) == "2 parts, room for 145 characters"
    send()
    assert "about €0.12, by the last one to this country" in counted("a" * 161)
    only = "with ã only 70 characters fit into a part"
    assert counted("João").startswith(f"1 part, room for 66 characters; {only}")


def test_an_answer_marks_what_the_client_wrote_as_handled(
    pbx: Simulator, send: Send, bob: User, client_of: ClientOf
) -> None:
    pbx.text(CLIENT, "Are you open?")
    perform("message_came")
    assert stored()[0].handled_at is None
    send("Yes")
    assert stored()[0].handled_at is not None


def test_with_the_switch_off_nothing_is_sent(pbx: Simulator, connected: Flask, send: Send) -> None:
    set_switches(connected, sms="off")
    assert send().status_code == 404
    perform("message_senders")
    assert pbx.api_calls == []
    assert stored() == []


def test_it_can_be_written_from_the_contact_and_the_call(
    pbx: Simulator, contact: Contact, bob: User, client_of: ClientOf
) -> None:
    browser = client_of(bob)
    pbx.play("in-missed-cancel", client=CLIENT)
    call_id = db.session.scalars(select(Call.id)).one()
    db.session.rollback()
    link = f"/messages/contact/{contact.id}?number=%2B351910000042"
    for page in (f"/contacts/{contact.id}", f"/calls/{call_id}"):
        assert link in browser.get(page).text
        db.session.rollback()
