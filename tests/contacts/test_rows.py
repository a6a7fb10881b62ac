"""The rows of numbers and addresses: added, removed, one of them the main one; not too many."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.fold.facts import Fact, FactKind
from crm_app.calls.store import ledger
from crm_app.contacts import services
from crm_app.contacts.models import Contact, ContactPhone, PhoneKind
from crm_app.contacts.services import MOST_EMAILS, MOST_PHONES, add_phone
from crm_app.demo import make_contact
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from tests.contacts.sent_forms import sent

ClientOf = Callable[[User], FlaskClient]
# A script numbers the rows that it adds from here.
ADDED = 101


def numbers(contact: Contact) -> list[tuple[str, bool]]:
    db.session.expire_all()
    return [(phone.number, phone.is_main) for phone in contact.phones]


def shown(html: str) -> list[tuple[str, bool]]:
    """Give the numbers in the rows of the form, and whether the main button of each is pressed."""
    fields = sent(html)
    rows = [name.split("-")[1] for name in fields if name.endswith("-number") and fields[name]]
    return [(fields[f"phones-{row}-number"], fields.get("main_phone") == row) for row in rows]


def with_many_numbers(count: int) -> Contact:
    contact = make_contact("Ana")
    contact.phones = [
        ContactPhone(number=f"+3519123456{index:02}", is_main=index == 0, position=index)
        for index in range(count)
    ]
    db.session.commit()
    return contact


def test_it_calls_first_what_was_marked_in_a_row_that_a_script_added(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    ana, client = make_contact("Ana", phones=("912345678",)), client_of(bob)
    path = f"/contacts/{ana.id}/edit"
    added = {f"phones-{ADDED}-number": "963111222", f"phones-{ADDED}-kind": "work"}

    client.post(path, data=sent(client.get(path).text, added, main_phone=str(ADDED)))

    assert numbers(ana) == [("+351912345678", False), ("+351963111222", True)]


def test_it_calls_first_what_was_marked_below_a_row_that_a_script_removed(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    ana = make_contact("Ana", phones=("912345678", "913111222", "914111222"))
    client, path = client_of(bob), f"/contacts/{ana.id}/edit"
    removed = {"phones-0-number": None, "phones-0-kind": None}

    client.post(path, data=sent(client.get(path).text, removed, main_phone="1"))

    assert numbers(ana) == [("+351913111222", True), ("+351914111222", False)]


def test_it_shows_again_what_was_marked_when_something_else_is_refused(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    ana, client = make_contact("Ana", phones=("912345678", "913111222")), client_of(bob)
    path = f"/contacts/{ana.id}/edit"
    changes = {
        "phones-0-number": None,
        "phones-0-kind": None,
        f"phones-{ADDED}-number": "963111222",
        f"phones-{ADDED}-kind": "work",
        "main_phone": str(ADDED),
        "name": "",
    }

    refused = client.post(path, data=sent(client.get(path).text, changes))

    assert refused.status_code == 422
    assert shown(refused.text) == [("913 111 222", False), ("963 111 222", True)]
    client.post(path, data=sent(refused.text, name="Ana"))
    assert numbers(ana) == [("+351913111222", False), ("+351963111222", True)]


def test_it_removes_the_row_that_was_pointed_at_time_after_time(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    ana = make_contact("Ana", phones=("912345678", "913111222", "914111222"))
    client, path = client_of(bob), f"/contacts/{ana.id}/edit"

    first = client.post(path, data=sent(client.get(path).text, row="drop:phones-0")).text
    second = client.post(path, data=sent(first, row="drop:phones-1")).text

    # The main number went with its row, so the first one is the main number.
    assert shown(first) == [("913 111 222", True), ("914 111 222", False)]
    assert shown(second) == [("913 111 222", True)]
    client.post(path, data=sent(second))
    assert numbers(ana) == [("+351913111222", True)]


@pytest.mark.parametrize("row", ["drop:phones-9", "drop:phones", "drop:kind-0", "add:kind", "x"])
def test_it_changes_no_row_for_a_button_that_is_not_ours(
    app: Flask, bob: User, client_of: ClientOf, row: str
) -> None:
    ana, client = make_contact("Ana", phones=("912345678",)), client_of(bob)
    path = f"/contacts/{ana.id}/edit"

    answer = client.post(path, data=sent(client.get(path).text, row=row))

    assert answer.status_code == 200
    assert shown(answer.text) == [("912 345 678", True)]


@pytest.mark.parametrize("number", ["9" * 5_000, "²", "-1", ""])
def test_it_overlooks_a_row_with_a_number_that_no_page_gives(
    app: Flask, bob: User, client_of: ClientOf, number: str
) -> None:
    ana, client = make_contact("Ana", phones=("912345678",)), client_of(bob)
    path = f"/contacts/{ana.id}/edit"
    strange = {f"phones-{number}-number": "963111222", "main_phone": number}

    answer = client.post(path, data=sent(client.get(path).text, strange))

    assert answer.status_code == 303
    assert numbers(ana) == [("+351912345678", True)]


def test_it_refuses_more_numbers_than_a_contact_can_have_and_shows_them_all(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    ana, client = with_many_numbers(MOST_PHONES), client_of(bob)
    path = f"/contacts/{ana.id}/edit"
    added = {f"phones-{ADDED}-number": "963111222", f"phones-{ADDED}-kind": "work"}

    refused = client.post(path, data=sent(client.get(path).text, added))

    assert refused.status_code == 422
    assert "A contact can have 50 numbers at most." in refused.text
    assert ("963 111 222", False) in shown(refused.text)
    assert len(numbers(ana)) == MOST_PHONES


def test_it_refuses_more_addresses_than_a_contact_can_have(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    ana, client = make_contact("Ana"), client_of(bob)
    path = f"/contacts/{ana.id}/edit"
    addresses = {f"emails-{row}-address": f"ana{row}@example.com" for row in range(51)}

    refused = client.post(path, data=sent(client.get(path).text, addresses))

    assert refused.status_code == 422
    assert "A contact can have 50 e-mail addresses at most." in refused.text
    assert "ana50@example.com" in refused.text


def test_it_builds_no_form_of_hundreds_of_rows(app: Flask, bob: User, client_of: ClientOf) -> None:
    ana, client = make_contact("Ana"), client_of(bob)
    path = f"/contacts/{ana.id}/edit"
    rows = {f"emails-{row}-address": "" for row in range(900)}

    refused = client.post(path, data=sent(client.get(path).text, rows))

    assert refused.status_code == 422
    assert "There are too many rows." in refused.text
    assert refused.text.count('-address" name="emails-') <= 501


def test_it_edits_a_contact_whose_every_field_is_as_long_as_it_may_be(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    ana, client = make_contact("Ana"), client_of(bob)
    path = f"/contacts/{ana.id}/edit"
    rows = {f"phones-{row}-number": f"+351 912 345 {row:03}" for row in range(MOST_PHONES)}
    rows |= {f"phones-{row}-kind": "mobile" for row in range(MOST_PHONES)}
    name = "a" * 60 + "@" + ".".join(["b" * 60] * 3) + ".example"
    rows |= {f"emails-{row}-address": f"{row}{name}" for row in range(MOST_EMAILS)}
    # No writing takes more bytes on its way.
    long = {"name": "🦊" * 200, "job_title": "🦊" * 120, "address": "🦊" * 2_000}
    about = "🦊" * 10_000

    answers = [
        client.post(path, data=sent(client.get(path).text, rows, **long, about=text))
        for text in (about, about[:-1], about)
    ]

    assert [answer.status_code for answer in answers] == [303, 303, 303]
    assert (len(numbers(ana)), ana.about) == (MOST_PHONES, about)


def test_it_edits_a_contact_that_has_more_numbers_than_are_taken_now(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    ana, client = with_many_numbers(MOST_PHONES + 2), client_of(bob)
    path = f"/contacts/{ana.id}/edit"

    answer = client.post(path, data=sent(client.get(path).text, name="Ana Sousa"))

    assert answer.status_code == 303
    assert len(numbers(ana)) == MOST_PHONES + 2
    assert ana.name == "Ana Sousa"


def test_it_gives_no_more_numbers_by_the_way_than_a_contact_can_have(app: Flask, bob: User) -> None:
    ana = with_many_numbers(MOST_PHONES - 1)
    add_phone(ana, "+351963111222", PhoneKind.OTHER, bob)

    with pytest.raises(InvalidInputError) as refused:
        add_phone(ana, "+351963111223", PhoneKind.OTHER, bob)

    assert (refused.value.code, refused.value.details) == ("too_many_phones", {"most": 50})
    assert services.add_phone(ana, "+351963111222", PhoneKind.OTHER, bob) in ana.phones


def test_it_says_why_a_caller_cannot_give_a_number_to_a_contact(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    ana = with_many_numbers(MOST_PHONES)
    began = Fact(FactKind.STARTED, "in_1", clock.now(), caller="+351963111222", did="+351210000001")
    call_id = ledger.record(db.session.connection(), began, "").call_id
    db.session.commit()

    refused = client_of(bob).post(
        f"/calls/{call_id}/attach", data={"contact_id": ana.id, "keeps_number": "1"}
    )

    assert refused.status_code == 422
    assert "A contact can have 50 numbers at most." in refused.text
    assert len(numbers(ana)) == MOST_PHONES
