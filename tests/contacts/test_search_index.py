"""Contacts are found by any part of what is known of them, the same on both engines."""

import pytest
from flask import Flask

from crm_app import search_index
from crm_app.accounts.models import User
from crm_app.contacts import services
from crm_app.contacts.fields import ContactDraft, PhoneDraft
from crm_app.contacts.listing import ContactFilter, find_contacts, list_contacts
from crm_app.contacts.models import Contact, ContactKind
from crm_app.demo import make_contact
from crm_app.extensions import db


def found(user: User, q: str) -> list[str]:
    return [contact.name for contact in list_contacts(user, ContactFilter(q=q)).page.rows]


@pytest.fixture
def joao(app: Flask) -> Contact:
    """Somebody with an accent, a company, an e-mail and phones at home and in London."""
    acme = make_contact("Łódź Cork", kind=ContactKind.COMPANY)
    return make_contact(
        "João D'Ávila Silva",
        company=acme,
        job_title="Chef",
        emails=("j.avila_100%@example.com",),
        phones=("912 345 678", "+44 20 7946 0958"),
    )


@pytest.mark.parametrize(
    "q",
    [
        "joao", "JOÃO", "oao", "silva joao", "lodz", "chef", "avila_100%", "d'avi",
        "912 345", "+351912345", "00351 912-345", "345678", "tel:+351912345678",
        "020 7946 0958", "7946", "jo", "j s", "silva jo", "Cork jo",
    ],
)  # fmt: skip
def test_it_finds_a_contact_by(joao: Contact, bob: User, q: str) -> None:
    assert joao.name in found(bob, q)


@pytest.mark.parametrize(
    "q", ["maria", "joao maria", "913", "oa", "silva x", "avila1100", '"', '" OR "', "joao*", "%"]
)
def test_it_does_not_find_a_contact_by(joao: Contact, bob: User, q: str) -> None:
    assert joao.name not in found(bob, q)


def test_it_lists_all_when_only_signs_were_typed(joao: Contact, bob: User) -> None:
    assert len(found(bob, "  ")) == 2
    assert found(bob, "\x00joao\x00") == [joao.name]


def test_it_follows_a_change_of_any_field(joao: Contact, bob: User) -> None:
    phones = [PhoneDraft("+351963111222")]
    draft = ContactDraft(name="Rui Costa", phones=phones, emails=[], company_id=None, job_title="")
    services.update_contact(joao, draft, bob)
    db.session.commit()

    assert found(bob, "joao") == found(bob, "912345678") == []
    assert found(bob, "lodz") == ["Łódź Cork"]
    assert found(bob, "rui") == found(bob, "963111") == ["Rui Costa"]


def test_it_follows_the_new_name_of_the_company(joao: Contact, bob: User) -> None:
    company = joao.company
    assert company is not None
    services.update_contact(company, ContactDraft(name="Mealhada", kind=ContactKind.COMPANY), bob)
    db.session.commit()

    assert found(bob, "mealhada") == [joao.name, "Mealhada"]
    assert found(bob, "lodz") == []


def test_it_forgets_what_is_deleted_for_good(joao: Contact, bob: User) -> None:
    db.session.delete(joao)
    db.session.commit()

    assert found(bob, "joao") == []


def test_it_puts_names_that_begin_so_first_while_somebody_types(app: Flask, bob: User) -> None:
    make_contact("Ze Mario")
    make_contact("Mario Soares")

    assert [contact.name for contact in find_contacts(bob, "mario")] == [
        "Mario Soares",
        "Ze Mario",
    ]


def test_it_examines_only_so_many_matches(
    app: Flask, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_index, "MOST_FOUND", 4)
    for number in range(10):
        make_contact(f"Ana {number}")

    ids = search_index.find_ids(db.session(), Contact, "ana", limit=search_index.MOST_FOUND)

    assert len(ids) == 4
