"""The page of a call says why it is with whom it is, and how to take a choice back."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient

from crm_app.accounts.models import User
from crm_app.calls.models import Call
from crm_app.contacts.models import ContactPhone
from crm_app.demo import make_contact, make_lead
from crm_app.extensions import db
from tests.calls.test_call_log import ANA, NOON, missed

SignIn = Callable[[User], FlaskClient]


@pytest.fixture
def browser(bob: User, client_of: SignIn) -> FlaskClient:
    """Bob's browser."""
    return client_of(bob)


def why(browser: FlaskClient, call_id: int) -> tuple[str, str]:
    """Read why a call is with whom it is: the code and the sentences."""
    page = browser.get(f"/calls/{call_id}").text
    found = re.search(r'data-match="(\w+)">(.*?)</details>', page, re.DOTALL)
    assert found, page
    return found[1], unescape(re.sub(r"<[^>]+>", " ", found[2]))


def test_it_names_the_number_and_how_it_was_read(browser: FlaskClient, bob: User) -> None:
    make_contact("Ana Sousa", phones=(ANA,), responsible=bob)
    how, words = why(browser, missed())
    assert how == "exact"
    assert "Ana Sousa has the number 910 000 042." in words
    assert "read as +351910000042 (Portugal)" in words


@pytest.mark.parametrize(
    ("theirs", "calling", "how"),
    [
        ("+5511987654321", "+551187654321", "format"),
        ("+351910000042", "+910000042", "tail"),
    ],
)
def test_it_says_when_the_numbers_are_not_written_alike(
    browser: FlaskClient, theirs: str, calling: str, how: str
) -> None:
    contact = make_contact("Ana Sousa")
    db.session.add(ContactPhone(contact_id=contact.id, number=theirs))
    db.session.commit()
    assert why(browser, missed(calling))[0] == how


def test_it_names_who_chose_and_lets_the_number_decide_again(
    browser: FlaskClient, bob: User
) -> None:
    make_contact("Ana Sousa", phones=(ANA,))
    rui = make_contact("Rui Costa")
    call_id = missed()
    browser.post(f"/calls/{call_id}/attach", data={"contact_id": str(rui.id), "keeps_number": "1"})
    how, words = why(browser, call_id)
    assert how == "chosen"
    assert "Bob Agent said that it was Rui Costa" in words
    later = missed(name="in_2", at=NOON + timedelta(hours=1))
    assert why(browser, later)[0] == "exact"
    assert db.session.get_one(Call, later).contact_id == rui.id
    assert "Match by number again" in words
    browser.post(f"/calls/{call_id}/attach?automatic=1")
    assert why(browser, call_id)[0] in ("exact", "shared")


def test_it_says_that_somebody_was_nobody(browser: FlaskClient, bob: User) -> None:
    make_contact("Ana Sousa", phones=(ANA,))
    call_id = missed()
    browser.post(f"/calls/{call_id}/attach", data={"contact_id": ""})
    how, words = why(browser, call_id)
    assert how == "chosen"
    assert "Bob Agent said that it was nobody known" in words


def test_strangers_shared_numbers_and_hidden_callers_have_their_reason(
    browser: FlaskClient, bob: User
) -> None:
    assert why(browser, missed(name="in_1"))[0] == "nobody"
    assert why(browser, missed("", name="in_2"))[0] == "hidden"
    make_contact("Ana Sousa", phones=(ANA,))
    make_contact("Rui Sousa", phones=(ANA,))
    assert why(browser, missed(name="in_3"))[0] == "shared"


def test_a_number_that_the_contact_has_lost_is_said_to_be_of_the_past(
    browser: FlaskClient, bob: User
) -> None:
    ana = make_contact("Ana Sousa", phones=(ANA,))
    call_id = missed()
    ana.phones = []
    db.session.commit()
    how, words = why(browser, call_id)
    assert how == "past"
    assert "has it no longer" in words


def test_numbers_in_texts_about_contacts_and_leads_can_be_called(
    browser: FlaskClient, bob: User
) -> None:
    ana = make_contact("Ana Sousa", phones=(ANA, "910 000 043"), about="Second: 910 000 044")
    page = browser.get(f"/contacts/{ana.id}").text
    assert 'data-call-number="+351910000044"' in page
    lead = make_lead("Roof", about="Ask for 910 000 045", contact=ana)
    page = browser.get(f"/leads/{lead.id}").text
    assert 'data-call-number="+351910000045"' in page
