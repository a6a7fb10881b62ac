"""What was typed into a picker and not chosen is taken when it is clear, asked about when not."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from crm_app.accounts.models import OfficeSettings, User
from crm_app.contacts.models import Contact, ContactKind
from crm_app.demo import make_contact, make_lead, make_task
from crm_app.extensions import db
from crm_app.leads.models import Lead
from crm_app.tasks.models import Task

ClientOf = Callable[[User], FlaskClient]
CONTACT, LEAD, TASK = "/contacts/new", "/leads/new", "/tasks/new"
FIELD = {CONTACT: "company_id", LEAD: "contact_id", TASK: "contact_id"}
KIND = {CONTACT: ContactKind.COMPANY, LEAD: ContactKind.PERSON, TASK: ContactKind.PERSON}
EVERYWHERE = pytest.mark.parametrize("path", [CONTACT, LEAD, TASK])
NOTHING_SEEN = "\u200b\u2060"


def sent(path: str, **picker: str) -> dict[str, Any]:
    """A whole form; `picker` is what its picker sends: id, q (what was typed), name (scripts)."""
    plain = {
        CONTACT: {"kind": "person", "name": "Rita", "responsible_id": "", "main_phone": "0"},
        LEAD: {"title": "Rita", "currency": "EUR", "responsible_id": ""},
        TASK: {"title": "Rita", "assignee_id": "", "lead_id": ""},
    }[path]
    names = {"id": FIELD[path], "q": f"{FIELD[path]}-q", "name": f"{FIELD[path]}-name"}
    return plain | {names[key]: value for key, value in picker.items()}


def with_whom(path: str) -> str | None:
    """Name whom the record that was made is with."""
    db.session.expire_all()
    if path == CONTACT:
        rita = db.session.scalars(select(Contact).where(Contact.name == "Rita")).one()
        return rita.company.name if rita.company else None
    model = Lead if path == LEAD else Task
    contact = db.session.scalars(select(model)).one().contact
    return contact.name if contact else None


def is_made(path: str) -> bool:
    """Tell whether a record was made."""
    model = {CONTACT: Contact, LEAD: Lead, TASK: Task}[path]
    column = Contact.name if path == CONTACT else model.title  # type: ignore[attr-defined]
    return bool(db.session.scalar(select(model).where(column == "Rita")))


@EVERYWHERE
def test_a_typed_name_that_nobody_has_is_asked_about(
    app: Flask, bob: User, client_of: ClientOf, path: str
) -> None:
    make_contact("Acme do Norte", kind=KIND[path])
    answer = client_of(bob).post(path, data=sent(path, id="", q="acme"))
    assert answer.status_code == 422
    assert "“acme” is not chosen yet" in answer.text
    assert 'value="acme"' in answer.text
    assert "Acme do Norte" in answer.text, "the hits are offered at once"
    assert 'value="Rita"' in answer.text
    assert not is_made(path)


@EVERYWHERE
@pytest.mark.parametrize("q", ["Oficina Três Rios", " oficina tres  rios "])
def test_a_typed_name_that_one_contact_has_is_that_contact(
    app: Flask, bob: User, client_of: ClientOf, path: str, q: str
) -> None:
    make_contact("Oficina Três Rios", kind=KIND[path])
    make_contact("Oficina Três Rios Norte", kind=KIND[path])
    answer = client_of(bob).post(path, data=sent(path, id="", q=q))
    assert answer.status_code == 303
    assert with_whom(path) == "Oficina Três Rios"


@EVERYWHERE
def test_a_typed_name_that_two_contacts_have_is_asked_about(
    app: Flask, bob: User, client_of: ClientOf, path: str
) -> None:
    for _twice in range(2):
        make_contact("Ana Silva", kind=KIND[path])
    assert client_of(bob).post(path, data=sent(path, id="", q="Ana Silva")).status_code == 422
    assert not is_made(path)


@EVERYWHERE
def test_a_choice_is_kept_beside_the_search_that_found_it_without_scripts(
    app: Flask, bob: User, client_of: ClientOf, path: str
) -> None:
    acme = make_contact("Acme", kind=KIND[path])
    assert client_of(bob).post(path, data=sent(path, id=str(acme.id), q="ac")).status_code == 303
    assert with_whom(path) == "Acme"


@EVERYWHERE
def test_a_text_beside_a_chip_is_asked_about(
    app: Flask, bob: User, client_of: ClientOf, path: str
) -> None:
    acme = make_contact("Acme", kind=KIND[path])
    form = sent(path, id=str(acme.id), q="zeb", name="Acme")
    answer = client_of(bob).post(path, data=form)
    assert answer.status_code == 422
    assert f'value="{acme.id}"' in answer.text


@EVERYWHERE
def test_a_new_name_is_made_with_the_record(
    app: Flask, bob: User, client_of: ClientOf, path: str
) -> None:
    answer = client_of(bob).post(path, data=sent(path, id="new: Zebra & Filhos ", q=""))
    assert answer.status_code == 303
    assert with_whom(path) == "Zebra & Filhos"
    made = db.session.scalars(select(Contact).where(Contact.name == "Zebra & Filhos")).one()
    assert (made.kind, made.responsible_id) == (KIND[path], bob.id)


@EVERYWHERE
def test_nothing_is_made_when_the_form_is_refused(
    app: Flask, bob: User, client_of: ClientOf, path: str
) -> None:
    form = {**sent(path, id="new:Zebra"), "name": "", "title": ""}
    answer = client_of(bob).post(path, data=form)
    assert answer.status_code == 422
    assert "Zebra" in answer.text
    assert db.session.scalar(select(func.count()).select_from(Contact)) == 0


@EVERYWHERE
@pytest.mark.parametrize("name", ["", "  ", NOTHING_SEEN])
def test_a_new_name_that_nobody_can_see_is_refused(
    app: Flask, bob: User, client_of: ClientOf, path: str, name: str
) -> None:
    answer = client_of(bob).post(path, data=sent(path, id=f"new:{name}"))
    assert answer.status_code == 422
    assert not is_made(path)


@EVERYWHERE
def test_a_name_that_the_user_may_not_see_is_not_taken(
    app: Flask, bob: User, alice: User, client_of: ClientOf, path: str
) -> None:
    db.session.add(OfficeSettings(id=1, restricts_agents=True))
    db.session.commit()
    make_contact("Acme", kind=KIND[path], responsible=alice)
    assert client_of(bob).post(path, data=sent(path, id="", q="Acme")).status_code == 422


@pytest.mark.parametrize("kind", ["contact", "lead", "task"])
def test_a_new_name_is_not_made_when_somebody_else_saved_first(
    app: Flask, bob: User, client_of: ClientOf, kind: str
) -> None:
    ana = make_contact("Ana")
    record = {
        "contact": lambda: ana,
        "lead": lambda: make_lead("Roof"),
        "task": lambda: make_task("Roof"),
    }[kind]()
    path = {"contact": CONTACT, "lead": LEAD, "task": TASK}[kind]
    form = {**sent(path, id="new:Zebra"), "version": "99", "base": "{}"}
    answer = client_of(bob).post(f"/{kind}s/{record.id}/edit", data=form)
    assert answer.status_code == 409
    assert "Zebra" in answer.text
    assert db.session.scalar(select(Contact).where(Contact.name == "Zebra")) is None


@pytest.mark.parametrize("kind", ["contact", "lead", "task"])
def test_a_new_name_is_made_when_a_record_is_changed(
    app: Flask, bob: User, client_of: ClientOf, kind: str
) -> None:
    record = {
        "contact": lambda: make_contact("Ana"),
        "lead": lambda: make_lead("Roof"),
        "task": lambda: make_task("Roof"),
    }[kind]()
    path = {"contact": CONTACT, "lead": LEAD, "task": TASK}[kind]
    form = {**sent(path, id="new:Zebra"), "version": str(record.version), "base": "{}"}
    answer = client_of(bob).post(f"/{kind}s/{record.id}/edit", data=form)
    assert answer.status_code == 303
    assert with_whom(path) == "Zebra"


def test_the_search_offers_to_make_what_is_not_there(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    make_contact("Oficina", kind=ContactKind.COMPANY)
    client, headers = client_of(bob), {"HX-Request": "true"}
    url = "/contacts/choose?field=company_id&kind=company&company_id-q="
    assert 'value="new:ofic"' in client.get(url + "ofic", headers=headers).text
    assert 'value="new:' not in client.get(url + "OFICINA", headers=headers).text
    assert 'value="new:' not in client.get(url, headers=headers).text
