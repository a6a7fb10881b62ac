"""The form of a contact: what it keeps, what it refuses, and two people who use it at once."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from crm_app.accounts.models import OfficeSettings, User
from crm_app.contacts.models import Contact, ContactEmail, ContactKind, PhoneKind
from crm_app.demo import make_contact
from crm_app.extensions import db
from tests.contacts.sent_forms import sent

ClientOf = Callable[[User], FlaskClient]


def typed(**changes: Any) -> dict[str, Any]:
    return {"kind": "person", "name": "Ana", "responsible_id": "", "main_phone": "0", **changes}


def hidden(html: str, name: str) -> str:
    found = re.search(rf'name="{name}"[^>]* value="([^"]*)"', html)
    assert found is not None
    return found[1].replace("&#34;", '"').replace("&quot;", '"').replace("&amp;", "&")


def opened(client: FlaskClient, contact: Contact) -> dict[str, str]:
    """Open the form as a browser does, and give what it holds to tell versions apart."""
    html = client.get(f"/contacts/{contact.id}/edit").text
    return {"version": hidden(html, "version"), "base": hidden(html, "base")}


def restrict_agents() -> None:
    db.session.add(OfficeSettings(id=1, restricts_agents=True))
    db.session.commit()


def only_contact() -> Contact:
    db.session.expire_all()
    contact = db.session.scalar(select(Contact).order_by(Contact.id.desc()))
    assert contact is not None
    return contact


def test_it_saves_a_contact_with_phones_and_emails(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    acme = make_contact("Acme", kind=ContactKind.COMPANY)
    answer = client_of(bob).post(
        "/contacts/new",
        data={
            **typed(company_id=acme.id, job_title="Chef", do_not_call="y", main_phone="1"),
            **{"phones-0-number": "912 345 678", "phones-0-kind": "mobile"},
            **{"phones-1-number": "tel:+351-211-234-567", "phones-1-kind": "work"},
            **{"phones-2-number": "", "phones-2-kind": "home"},
            **{"emails-0-address": "ana@example.com", "responsible_id": bob.id},
        },
    )

    contact = only_contact()
    assert (answer.status_code, answer.location) == (303, f"/contacts/{contact.id}")
    assert [(phone.number, phone.kind, phone.is_main) for phone in contact.phones] == [
        ("+351912345678", PhoneKind.MOBILE, False),
        ("+351211234567", PhoneKind.WORK, True),
    ]
    assert [email.address for email in contact.emails] == ["ana@example.com"]
    assert (contact.company_id, contact.job_title, contact.do_not_call) == (acme.id, "Chef", True)
    assert contact.responsible_id == bob.id


@pytest.mark.parametrize(
    "writing", ["912 345 678", "+351 912-345-678", "00351912345678", "tel:+351912345678"]
)
def test_it_accepts_a_number_in_any_writing(
    app: Flask, bob: User, client_of: ClientOf, writing: str
) -> None:
    client_of(bob).post(
        "/contacts/new", data=typed(**{"phones-0-number": writing, "phones-0-kind": "mobile"})
    )

    assert [phone.number for phone in only_contact().phones] == ["+351912345678"]


@pytest.mark.parametrize(
    ("writing", "words"),
    [
        ("hello", "This is not a phone number."),
        ("+351 9", "too short"),
        ("+351 912 345 678 999 999", "too long"),
        ("+999 123 456 789", "No country has this code."),
        ("12", "too short"),
    ],
)
def test_it_refuses_an_impossible_number_with_the_reason_at_its_row(
    app: Flask, bob: User, client_of: ClientOf, writing: str, words: str
) -> None:
    answer = client_of(bob).post(
        "/contacts/new",
        data=typed(
            name="Keep me",
            **{"phones-0-number": "912345678", "phones-0-kind": "work"},
            **{"phones-1-number": writing, "phones-1-kind": "home"},
        ),
    )

    assert answer.status_code == 422
    assert re.search(rf'id="phones-1-number-error">[^<]*{words}', answer.text)
    assert 'id="phones-0-number-error"' not in answer.text
    assert "Keep me" in answer.text
    assert f'value="{writing}"' in answer.text
    assert db.session.scalar(select(Contact)) is None


def test_it_refuses_the_same_number_twice(app: Flask, bob: User, client_of: ClientOf) -> None:
    answer = client_of(bob).post(
        "/contacts/new",
        data=typed(
            **{"phones-0-number": "912345678", "phones-0-kind": "work"},
            **{"phones-1-number": "", "phones-1-kind": "work"},
            **{"phones-2-number": "+351912345678", "phones-2-kind": "home"},
        ),
    )

    assert answer.status_code == 422
    assert re.search(r'id="phones-2-number-error">This number is already above', answer.text)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "\x00 "},
        {"name": "x" * 201},
        {"kind": "robot"},
        {"responsible_id": "999"},
        {"company_id": "999"},
        {"emails-0-address": "not an address"},
        {"phones-0-number": "912345678", "phones-0-kind": "pager"},
    ],
)
def test_it_refuses_what_makes_no_sense(
    app: Flask, bob: User, client_of: ClientOf, wrong: dict[str, str]
) -> None:
    answer = client_of(bob).post("/contacts/new", data=typed(**wrong))

    assert answer.status_code == 422
    assert db.session.scalar(select(Contact)) is None


def test_it_refuses_to_make_a_person_of_a_company_where_people_work(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    acme = make_contact("Acme", kind=ContactKind.COMPANY)
    ana = make_contact("Ana", company=acme)
    client, path = client_of(bob), f"/contacts/{acme.id}/edit"

    refused = client.post(path, data=sent(client.get(path).text, kind="person"))

    assert refused.status_code == 422
    assert "People work at this company." in refused.text
    client.post(f"/contacts/{ana.id}/delete")
    assert client.post(path, data=sent(refused.text)).status_code == 303


def test_it_edits_whoever_works_where_no_company_is_any_more(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    acme = make_contact("Acme", kind=ContactKind.COMPANY)
    ana = make_contact("Ana", company=acme)
    acme.kind = ContactKind.PERSON
    db.session.commit()
    client, path = client_of(bob), f"/contacts/{ana.id}/edit"

    answer = client.post(path, data=sent(client.get(path).text, name="Ana Sousa"))

    assert answer.status_code == 303
    assert (only_contact().name, only_contact().company_id) == ("Ana Sousa", acme.id)


def test_it_warns_of_another_contact_with_the_same_number(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    other = make_contact("Rui", phones=("912345678",))
    answer = client_of(bob).post(
        "/contacts/new",
        data=typed(**{"phones-0-number": "912345678", "phones-0-kind": "work"}),
        follow_redirects=True,
    )

    assert "belongs to another contact too" in answer.text
    assert f'href="/contacts/{other.id}">Rui</a>' in answer.text


def test_it_adds_and_drops_rows_without_scripts(app: Flask, bob: User, client_of: ClientOf) -> None:
    rows = {
        "phones-0-number": "912345678",
        "phones-0-kind": "mobile",
        "phones-1-number": "913",
        "phones-1-kind": "work",
    }
    client = client_of(bob)

    more = client.post("/contacts/new", data=typed(row="add:phones", **rows))
    fewer = client.post("/contacts/new", data=typed(row="drop:phones-0", **rows))

    assert more.status_code == fewer.status_code == 200
    assert 'name="phones-2-number"' in more.text
    assert 'value="912 345 678"' not in fewer.text
    assert 'value="913"' in fewer.text
    assert db.session.scalar(select(Contact)) is None


def test_it_finds_a_company_without_scripts(app: Flask, bob: User, client_of: ClientOf) -> None:
    acme = make_contact("Acme", kind=ContactKind.COMPANY)
    html = (
        client_of(bob)
        .post("/contacts/new", data=typed(row="find:company_id", **{"company_id-q": "acm"}))
        .text
    )

    assert re.search(rf'name="company_id" value="{acme.id}"', html)


def test_it_fills_the_form_from_the_address(app: Flask, bob: User, client_of: ClientOf) -> None:
    html = client_of(bob).get("/contacts/new?name=Ana&number=%2B351912345678").text

    assert 'value="Ana"' in html
    assert 'value="912 345 678"' in html


def test_it_writes_down_who_changed_what(app: Flask, bob: User, client_of: ClientOf) -> None:
    ana = make_contact("Ana", phones=("912345678",))
    client = client_of(bob)
    client.post(
        f"/contacts/{ana.id}/edit",
        data={
            **typed(name="Ana Sousa", **opened(client, ana)),
            **{"phones-0-number": "912345678", "phones-0-kind": "mobile"},
            **{"phones-1-number": "963111222", "phones-1-kind": "work"},
        },
    )

    html = client.get(f"/contacts/{ana.id}").text

    assert "changed the contact" in html
    assert '<del class="text-secondary">Ana</del>' in html
    text = re.sub(r"<[^>]+>", "", html)
    assert "912 345 678 (Mobile, main), 963 111 222 (Work)" in text


def test_it_lets_an_agent_edit_only_what_they_may_see(
    app: Flask, bob: User, dora: User, client_of: ClientOf
) -> None:
    hers = make_contact("Hers", responsible=dora)
    acme = make_contact("Acme", kind=ContactKind.COMPANY, responsible=dora)
    restrict_agents()
    client = client_of(bob)

    assert client.get(f"/contacts/{hers.id}/edit").status_code == 404
    assert client.post(f"/contacts/{hers.id}/edit", data=typed()).status_code == 404
    forged = client.post("/contacts/new", data=typed(company_id=acme.id))
    assert forged.status_code == 422
    for page in (forged, client.get(f"/contacts/new?company_id={acme.id}")):
        assert "Acme" not in page.text
    given_away = client.post("/contacts/new", data=typed(responsible_id=dora.id))
    assert given_away.location == "/contacts"
    assert "The contact was added." in client.get("/contacts").text


def test_it_offers_no_undo_to_whom_may_not_open_what_they_gave_away(
    app: Flask, bob: User, dora: User, client_of: ClientOf
) -> None:
    restrict_agents()
    client = client_of(bob)

    kept = client.post("/contacts/new", data=typed(responsible_id=bob.id), follow_redirects=True)
    given = client.post("/contacts/new", data=typed(responsible_id=dora.id), follow_redirects=True)

    assert f'action="/contacts/{only_contact().id - 1}/delete"' in kept.text
    assert "The contact was added." in given.text
    assert "/delete" not in given.text


def test_it_names_a_contacts_own_company_to_an_agent_who_may_not_open_it(
    app: Flask, bob: User, dora: User, client_of: ClientOf
) -> None:
    acme = make_contact("Acme", kind=ContactKind.COMPANY, responsible=dora)
    ana = make_contact("Ana", company=acme, responsible=bob)
    restrict_agents()
    client, path = client_of(bob), f"/contacts/{ana.id}/edit"

    answer = client.post(path, data=sent(client.get(path).text, name="Ana Sousa"))

    assert "Acme" in client.get(path).text
    assert answer.status_code == 303
    assert (only_contact().name, only_contact().company_id) == ("Ana Sousa", acme.id)


@pytest.mark.parametrize("address", ["joao@firma.local", "joao@firma.lan", "joao@intranet"])
def test_it_takes_an_address_of_the_offices_own_network(
    bob: User, client_of: ClientOf, address: str
) -> None:
    answer = client_of(bob).post("/contacts/new", data=typed(**{"emails-0-address": address}))
    assert answer.status_code == 303
    assert db.session.scalars(select(ContactEmail.address)).all() == [address]


@pytest.mark.parametrize("address", ["joao@", "joao", "joao@firma..pt", "jo ao@firma.pt"])
def test_it_says_at_the_row_what_is_no_address(
    bob: User, client_of: ClientOf, address: str
) -> None:
    answer = client_of(bob).post("/contacts/new", data=typed(**{"emails-0-address": address}))
    assert answer.status_code == 422
    assert 'id="emails-0-address-error">This is not an e-mail address.' in answer.text
