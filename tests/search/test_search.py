"""The search box: people, companies and leads, by any part of what is known of them."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm_app import clock
from crm_app.accounts.models import OfficeSettings, User
from crm_app.contacts.models import ContactKind
from crm_app.demo import make_contact, make_lead
from crm_app.extensions import db

ClientOf = Callable[[User], FlaskClient]
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def office(app: Flask) -> None:
    """A company, somebody who works there, and a lead for each."""
    acme = make_contact("Açores Cimentos", kind=ContactKind.COMPANY, phones=("296 000 111",))
    ana = make_contact(
        "Ána Sousa", company=acme, phones=("912 345 678",), emails=("as@example.com",)
    )
    make_lead("New roof", contact_id=ana.id)
    make_lead("Pavement")
    make_contact("24/7 Lda", kind=ContactKind.COMPANY, emails=("2024.10@example.com",))
    make_contact("Shop", kind=ContactKind.COMPANY, phones=("+442079460958",))
    make_lead("TV at the door, offer 2024/118")


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("sousa", ["Ána Sousa", "New roof"]),
        ("ana", ["Ána Sousa", "New roof"]),
        ("acores", ["Ána Sousa", "Açores Cimentos", "New roof"]),
        ("as@exa", ["Ána Sousa", "New roof"]),
        ("912 345", ["Ána Sousa", "New roof"]),
        ("+351 912-345", ["Ána Sousa", "New roof"]),
        ("0351296", []),
        ("00351296", ["Açores Cimentos"]),
        ("pave", ["Pavement"]),
        ("24/7", ["24/7 Lda"]),
        ("2024.10", ["24/7 Lda"]),
        ("2024/118", ["TV at the door, offer 2024/118"]),
        ("2024 118", []),
        ("tv", ["TV at the door, offer 2024/118"]),
        ("+44 (0)20 7946", ["Shop"]),
        ("TEL:+442079", ["Shop"]),
        ("a", ["Ána Sousa", "Açores Cimentos", "New roof"]),
        ("nobody", []),
        ("", []),
    ],
)
def test_it_finds_by_part_of(
    office: None, bob: User, client_of: ClientOf, q: str, expected: list[str]
) -> None:
    for path, headers in (("/search", {}), ("/search/suggestions", FRAGMENT)):
        html = client_of(bob).get(path, query_string={"q": q}, headers=headers).text
        body = html.partition("<main")[2] or html
        links = re.findall(r'<a href="/(?:contacts|leads)/\d+".*?</a>', body, re.DOTALL)
        titles = [re.sub(r"<[^>]+>", "\n", link).split("\n") for link in links]
        found = [next(filter(str.strip, title)) for title in titles]
        assert sorted(found) == sorted(expected), path


def test_it_puts_the_company_before_the_people_who_work_there(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    acme = make_contact("The Acme", kind=ContactKind.COMPANY)
    for number in range(25):
        make_contact(f"Worker {number}", company=acme)

    html = client_of(bob).get("/search/suggestions?q=acme", headers=FRAGMENT).text

    assert re.findall(r'href="/contacts/(\d+)"', html)[0] == str(acme.id)


def test_it_puts_a_call_button_on_each_hit(office: None, bob: User, client_of: ClientOf) -> None:
    html = client_of(bob).get("/search/suggestions?q=sousa", headers=FRAGMENT).text

    # The person and the lead with that person.
    assert html.count('data-call-number="+351912345678"') == 2


def test_it_gives_a_page_without_htmx(office: None, bob: User, client_of: ClientOf) -> None:
    client = client_of(bob)

    assert "<html" in client.get("/search/suggestions?q=ana").text
    assert "<html" not in client.get("/search/suggestions?q=ana", headers=FRAGMENT).text
    assert 'action="/search"' in client.get("/contacts").text


def test_it_offers_to_add_whom_it_did_not_find(app: Flask, bob: User, client_of: ClientOf) -> None:
    html = client_of(bob).get("/search?q=912 345 678").text

    assert "Nothing found" in html
    assert "/contacts/new?number=912+345+678" in html


def test_it_shows_nothing_from_the_bin(app: Flask, bob: User, client_of: ClientOf) -> None:
    make_contact("Ana", deleted_at=clock.now())
    make_lead("Ana's roof", deleted_at=clock.now())

    assert "Nothing found" in client_of(bob).get("/search?q=ana").text


def test_it_shows_agents_only_their_own_when_the_office_says_so(
    app: Flask, bob: User, dora: User, client_of: ClientOf
) -> None:
    make_contact("Ana Hers", responsible=dora)
    make_lead("Ana roof", responsible=dora)
    db.session.add(OfficeSettings(id=1, restricts_agents=True))
    db.session.commit()

    assert "Nothing found" in client_of(bob).get("/search?q=ana").text
    assert "Ana Hers" in client_of(dora).get("/search?q=ana").text


@pytest.mark.parametrize(
    "q", ["%", "_", "'", '"', "\\", "\x00", "a" * 5000, "💥", "* OR *", "ß", "\x00a", "24/7\x00"]
)
def test_it_survives_anything_typed_wherever_one_can_search(
    app: Flask, bob: User, client_of: ClientOf, q: str
) -> None:
    client = client_of(bob)
    for path in ("/search", "/search/suggestions", "/contacts", "/contacts/choose", "/leads"):
        assert client.get(path, query_string={"q": q}).status_code == 200, path
