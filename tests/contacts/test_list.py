"""The list of contacts: narrowed, sorted and paged by its address, small and quick."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm_app import clock, search_index
from crm_app.accounts.models import OfficeSettings, User
from crm_app.contacts import listing
from crm_app.contacts.models import ContactKind
from crm_app.demo import make_contact
from crm_app.extensions import db
from tests.questions import questions

ClientOf = Callable[[User], FlaskClient]
FRAGMENT = {"HX-Request": "true"}


def names(html: str) -> list[str]:
    return re.findall(r'fw-medium" href="/contacts/\d+">([^<]+)</a>', html)


def restrict_agents() -> None:
    db.session.add(OfficeSettings(id=1, restricts_agents=True))
    db.session.commit()


def test_it_lists_contacts_by_name_without_minding_accents(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    for name in ("Zé", "Álvaro", "beatriz"):
        make_contact(name)

    assert names(client_of(bob).get("/contacts").text) == ["Álvaro", "beatriz", "Zé"]


def test_it_shows_company_responsible_and_a_button_that_calls(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    acme = make_contact("Acme", kind=ContactKind.COMPANY)
    make_contact("Ana", phones=("912 345 678", "211 234 567"), company=acme, responsible=bob)

    html = client_of(bob).get("/contacts").text

    assert f'href="/contacts/{acme.id}">Acme</a>' in html
    assert "Bob Agent" in html
    assert 'data-call-number="+351912345678"' in html
    assert 'data-call-number="+351211234567"' not in html


def test_it_pages_through_all_and_back(app: Flask, bob: User, client_of: ClientOf) -> None:
    for number in range(120):
        make_contact(f"Contact {number:03}")
    client, seen = client_of(bob), []
    url = "/contacts"
    while url:
        html = client.get(url).text
        seen.append(names(html))
        found = re.search(r'rel="next" href="([^"]+)"', html)
        url = found[1].replace("&amp;", "&") if found else ""

    assert [len(page) for page in seen] == [50, 50, 20]
    assert [name for page in seen for name in page] == [
        f"Contact {number:03}" for number in range(120)
    ]
    back = re.search(r'rel="prev" href="([^"]+)"', html)
    assert back is not None
    assert names(client.get(back[1].replace("&amp;", "&")).text) == seen[1]


def test_it_sorts_the_newest_first_when_asked(app: Flask, bob: User, client_of: ClientOf) -> None:
    make_contact("Old", created_at=datetime(2024, 1, 1, tzinfo=UTC))
    make_contact("New", created_at=datetime(2025, 1, 1, tzinfo=UTC))

    assert names(client_of(bob).get("/contacts?sort=newest").text) == ["New", "Old"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("responsible=me", ["Ana"]),
        ("responsible=nobody", ["Cork", "Rui"]),
        ("responsible=nobody&sort=newest&kind=person", ["Rui"]),
        ("kind=company", ["Cork"]),
        ("kind=person", ["Ana", "Rui"]),
        ("do_not_call=1", ["Rui"]),
        ("kind=nonsense&responsible=nonsense&cursor=nonsense", ["Ana", "Cork", "Rui"]),
        ("responsible=99999999999999999999", ["Ana", "Cork", "Rui"]),
        ("kind=person&q=u", []),
        ("kind=person&q=ru", ["Rui"]),
        ("responsible=me&q=912345678", ["Ana"]),
    ],
)
def test_it_narrows_the_list_as_the_address_says(
    app: Flask, bob: User, client_of: ClientOf, query: str, expected: list[str]
) -> None:
    make_contact("Ana", responsible=bob, phones=("912345678",))
    make_contact("Rui", do_not_call=True)
    make_contact("Cork", kind=ContactKind.COMPANY)

    assert names(client_of(bob).get(f"/contacts?{query}").text) == expected


def test_it_still_finds_what_a_disabled_colleague_was_responsible_for(
    app: Flask, bob: User, carol: User, client_of: ClientOf
) -> None:
    make_contact("Ana", responsible=carol)
    make_contact("Rui", responsible=bob)
    carol.active = False
    db.session.commit()

    html = client_of(bob).get(f"/contacts?responsible={carol.id}").text

    assert names(html) == ["Ana"]
    assert f'<option value="{carol.id}" selected>Carol Agent (disabled)</option>' in html


def test_it_keeps_the_filter_in_the_address_of_the_next_page(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    for number in range(60):
        make_contact(f"Ana {number}", responsible=bob)

    html = client_of(bob).get("/contacts?q=ana&responsible=me").text

    assert re.search(r'rel="next" href="/contacts\?q=ana&amp;responsible=me&amp;cursor=', html)


def test_it_gives_only_the_rows_to_htmx(app: Flask, bob: User, client_of: ClientOf) -> None:
    make_contact("Ana")
    client = client_of(bob)

    assert "<html" not in client.get("/contacts?q=ana", headers=FRAGMENT).text
    assert "<html" in client.get("/contacts?q=ana").text


def test_it_invites_to_add_the_first_contact(app: Flask, bob: User, client_of: ClientOf) -> None:
    html = client_of(bob).get("/contacts").text

    assert "No contacts yet" in html
    assert "/contacts/new" in html


@pytest.mark.parametrize("path", ["/contacts", "/contacts/bin", "/contacts/{company}/people"])
def test_it_says_that_a_page_lies_past_the_end_and_leads_back(
    app: Flask, dora: User, client_of: ClientOf, path: str
) -> None:
    acme = make_contact("Acme", kind=ContactKind.COMPANY)
    binned_at = clock.now() if path == "/contacts/bin" else None
    made = [
        make_contact(f"Ana {number:02}", company=acme, deleted_at=binned_at) for number in range(51)
    ]
    client, path = client_of(dora), path.format(company=acme.id)
    found = re.search(r'rel="next" href="([^"]+)"', client.get(path).text)
    assert found is not None
    for contact in made:
        contact.deleted_at = None if binned_at else clock.now()
    db.session.commit()

    html = client.get(found[1].replace("&amp;", "&")).text

    assert "Nothing on this page" in html
    assert f'href="{path}"' in html
    assert "No contacts yet" not in html


def test_it_offers_to_add_whom_it_did_not_find(app: Flask, bob: User, client_of: ClientOf) -> None:
    client = client_of(bob)

    assert "/contacts/new?number=912+345+678" in client.get("/contacts?q=912 345 678").text
    assert "/contacts/new?name=Ana" in client.get("/contacts?q=Ana").text


def test_it_leaves_out_those_in_the_bin(app: Flask, bob: User, client_of: ClientOf) -> None:
    make_contact("Ana", deleted_at=clock.now())

    assert names(client_of(bob).get("/contacts").text) == []
    assert names(client_of(bob).get("/contacts?q=ana").text) == []


def test_it_shows_agents_only_their_own_when_the_office_says_so(
    app: Flask, bob: User, dora: User, client_of: ClientOf
) -> None:
    make_contact("Mine", responsible=bob)
    make_contact("Hers", responsible=dora)
    restrict_agents()

    assert names(client_of(bob).get("/contacts").text) == ["Mine"]
    assert names(client_of(bob).get("/contacts?q=hers").text) == []
    assert names(client_of(dora).get("/contacts").text) == ["Hers", "Mine"]


@pytest.mark.parametrize("query", ["", "?q=contact", "?sort=newest&kind=person"])
def test_it_stays_within_ten_statements_and_sixty_kilobytes(
    app: Flask, bob: User, client_of: ClientOf, query: str
) -> None:
    acme = make_contact("Acme of Long Names and Partners", kind=ContactKind.COMPANY)
    for number in range(60):
        make_contact(
            f"Contact of a usual length {number}",
            phones=(f"9123456{number:02}", f"9133456{number:02}"),
            company=acme,
            responsible=bob,
            job_title="Head of purchasing",
        )
    client = client_of(bob)
    client.get("/contacts")

    db.session.expire_all()
    with questions() as asked:
        answer = client.get(f"/contacts{query}")

    assert len(names(answer.text)) == 50
    assert len(asked) <= 10, asked
    assert len(answer.data) <= 60 * 1024


def test_it_stops_counting(app: Flask, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_COUNTED", 3)
    for number in range(5):
        make_contact(f"Contact {number}")

    found = listing.list_contacts(bob, listing.ContactFilter())

    assert (found.count, found.has_more) == (3, True)


def test_it_says_that_a_common_word_has_more_matches_than_it_lists(
    app: Flask, bob: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_index, "MOST_FOUND", 3)
    for number in range(5):
        make_contact(f"Contact {number}")

    html = client_of(bob).get("/contacts?q=contact").text

    assert len(names(html)) == 3
    assert "Only 3 of the matches are listed" in html
    assert "3+ contacts" in html
