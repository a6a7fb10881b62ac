"""*Not this person* is remembered for the number, until it is taken back."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient

from crm_app.accounts.models import User
from crm_app.calls.models import Call
from crm_app.contacts.models import Contact, PhoneKind
from crm_app.contacts.numbers import not_this_person
from crm_app.contacts.numbers.caller import find_callers
from crm_app.contacts.services import add_phone
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.journal.services import batch
from tests.calls.test_call_log import ANA, NOON, answered, missed

SignIn = Callable[[User], FlaskClient]


@pytest.fixture
def ana(bob: User) -> Contact:
    """The contact who has the number."""
    return make_contact("Ana Sousa", phones=(ANA,), responsible=bob)


@pytest.fixture
def browser(bob: User, client_of: SignIn) -> FlaskClient:
    """Bob's browser."""
    return client_of(bob)


def names(number: str = ANA) -> list[str]:
    """Name who is shown when the number rings."""
    found = [caller.name for caller in find_callers(db.session.connection(), number)]
    db.session.rollback()
    return found


def contact_of(call_id: int) -> str:
    """Name whom a call is with."""
    call = db.session.get_one(Call, call_id)
    db.session.refresh(call)
    name = call.contact.name if call.contact else ""
    db.session.rollback()
    return name


def undo_url_of(page: str) -> str:
    """The address of a toast's undo button."""
    found = re.search(r'action="(/calls/\d+/attach\?undo=[^"]+)"', page)
    assert found
    return unescape(found[1])


def test_the_next_call_is_not_with_whom_it_was_not(browser: FlaskClient, ana: Contact) -> None:
    first = missed(name="in_1")
    assert contact_of(first) == "Ana Sousa"
    browser.post(f"/calls/{first}/attach", data={"contact_id": ""})
    second = missed(name="in_2", at=NOON + timedelta(hours=1))
    assert contact_of(second) == ""
    assert names() == []
    page = browser.get(f"/calls/{second}").text
    assert "Ana Sousa has this number, but calls from it are with somebody else" in page
    assert ">Ana Sousa</a>" not in browser.get("/calls").text


def test_the_next_call_is_with_whom_it_was(browser: FlaskClient, ana: Contact) -> None:
    rui_id = make_contact("Rui Costa").id
    first = missed(name="in_1")
    data = {"contact_id": str(rui_id), "keeps_number": "1"}
    browser.post(f"/calls/{first}/attach", data=data)
    assert names() == ["Rui Costa"]
    assert contact_of(missed(name="in_2", at=NOON + timedelta(hours=1))) == "Rui Costa"


def test_it_is_taken_back_by_undo_and_by_choosing_them_again(
    browser: FlaskClient, ana: Contact
) -> None:
    ana_id, first = ana.id, missed(name="in_1")
    browser.post(f"/calls/{first}/attach", data={"contact_id": ""})
    browser.post(f"/calls/{first}/attach?automatic=1")
    assert names() == ["Ana Sousa"]
    assert contact_of(first) == "Ana Sousa"
    browser.post(f"/calls/{first}/attach", data={"contact_id": ""})
    second = missed(name="in_2", at=NOON + timedelta(hours=1))
    browser.post(f"/calls/{second}/attach", data={"contact_id": str(ana_id)})
    assert names() == ["Ana Sousa"]
    page = browser.get(f"/contacts/{ana_id}").text
    assert "are with somebody else" in page
    assert "with this contact again" in page


def test_undoing_takes_back_all_that_was_done_with_the_choice(
    browser: FlaskClient, ana: Contact, carol: User
) -> None:
    rui, first = make_contact("Rui Costa"), missed(name="in_1")
    before = db.session.get_one(Call, first).contact_id
    data = {"contact_id": str(rui.id), "keeps_number": "1"}
    page = browser.post(f"/calls/{first}/attach", data=data, follow_redirects=True).text
    assert names() == ["Rui Costa"]
    browser.post(undo_url_of(page))
    db.session.expire_all()
    assert (rui.phones, names()) == ([], ["Ana Sousa"])
    call = db.session.get_one(Call, first)
    assert (call.contact_id, call.contact_is_chosen) == (before, False)


def test_undoing_says_why_not_when_somebody_works_on_with_it(
    browser: FlaskClient, ana: Contact, carol: User
) -> None:
    rui, first = make_contact("Rui Costa"), missed(name="in_1")
    data = {"contact_id": str(rui.id), "keeps_number": "1"}
    page = browser.post(f"/calls/{first}/attach", data=data, follow_redirects=True).text
    add_phone(rui, "+351212345678", PhoneKind.WORK, carol)
    db.session.commit()
    page = browser.post(undo_url_of(page), follow_redirects=True).text
    assert "Undoing would overwrite that." in page
    assert names() == ["Rui Costa"]


def test_nobody_undoes_what_somebody_else_did(
    browser: FlaskClient, ana: Contact, carol: User
) -> None:
    first = missed(name="in_1")
    with batch() as carols:
        not_this_person.refuse(ANA, ana, carol)
    db.session.commit()
    browser.post(f"/calls/{first}/attach?undo={carols}")
    assert names() == []


def test_a_new_contact_with_the_number_is_found(browser: FlaskClient, ana: Contact) -> None:
    first = missed(name="in_1")
    browser.post(f"/calls/{first}/attach", data={"contact_id": ""})
    make_contact("Rui Costa", phones=(ANA,))
    assert names() == ["Rui Costa"]


def test_giving_the_number_anew_takes_it_back(browser: FlaskClient, bob: User) -> None:
    ana = make_contact("Ana Sousa", phones=(ANA,), responsible=bob)
    ana_id, first = ana.id, missed(name="in_1")
    browser.post(f"/calls/{first}/attach", data={"contact_id": ""})
    form = {"name": "Ana Sousa", "kind": "person"}
    for phone in ("", ANA):
        version = db.session.get_one(Contact, ana_id).version
        db.session.rollback()
        rows = {"phones-0-number": phone, "phones-0-kind": "mobile", "main_phone": "0"}
        data = form | rows | {"version": str(version)}
        answer = browser.post(f"/contacts/{ana_id}/edit", data=data)
        assert answer.status_code == 303, answer.text
    assert names() == ["Ana Sousa"]


def test_choosing_one_of_several_says_nothing_about_the_others(
    browser: FlaskClient, ana: Contact
) -> None:
    rui_id = make_contact("Rui Costa", phones=(ANA,)).id
    first = missed(name="in_1")
    browser.post(f"/calls/{first}/attach", data={"contact_id": str(rui_id)})
    assert sorted(names()) == ["Ana Sousa", "Rui Costa"]


def test_a_talk_of_somebody_who_has_another_number_says_nothing_about_them(
    browser: FlaskClient, ana: Contact
) -> None:
    rui_id = make_contact("Rui Costa", phones=("+351913000100",)).id
    call_id = answered()
    browser.post(f"/calls/{call_id}/attach", data={"contact_id": str(rui_id)})
    assert names("+351913000100") == ["Rui Costa"]
    assert names() == []
