"""A contact's own page, its notes, the bin, and the choice of a contact for other forms."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm_app.accounts.models import OfficeSettings, User
from crm_app.contacts.models import ContactKind
from crm_app.demo import make_contact
from crm_app.extensions import db

ClientOf = Callable[[User], FlaskClient]
FRAGMENT = {"HX-Request": "true"}


def restrict_agents() -> None:
    db.session.add(OfficeSettings(id=1, restricts_agents=True))
    db.session.commit()


def test_it_shows_all_ways_to_reach_a_contact(app: Flask, bob: User, client_of: ClientOf) -> None:
    ana = make_contact(
        "Ana",
        phones=("912345678", "+44 20 7946 0958"),
        emails=("ana@example.com",),
        do_not_call=True,
        address="Rua 1",
    )

    html = client_of(bob).get(f"/contacts/{ana.id}").text

    for piece in (
        'data-call-number="+351912345678"', 'data-call-number="+442079460958"',
        'href="mailto:ana@example.com"', "Do not call", "Rua 1",
        f'hx-get="/leads/for-contact/{ana.id}"', f'hx-get="/tasks/for-contact/{ana.id}"',
        f'hx-get="/calls/for-contact/{ana.id}"',
    ):  # fmt: skip
        assert piece in html, piece


def test_it_shows_the_people_of_a_company_and_the_way_back(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    acme = make_contact("Acme", kind=ContactKind.COMPANY)
    ana = make_contact("Ana", company=acme)
    client = client_of(bob)

    assert f'href="/contacts/{ana.id}">Ana</a>' in client.get(f"/contacts/{acme.id}").text
    assert f'href="/contacts/{acme.id}">Acme</a>' in client.get(f"/contacts/{ana.id}").text


@pytest.mark.parametrize("path", ["/contacts/1", "/contacts/99999999999", "/contacts/1/edit"])
def test_it_does_not_know_a_contact_that_is_not_there(
    app: Flask, bob: User, client_of: ClientOf, path: str
) -> None:
    assert client_of(bob).get(path).status_code == 404


def test_it_keeps_a_note_with_and_without_htmx(app: Flask, bob: User, client_of: ClientOf) -> None:
    ana, client = make_contact("Ana"), client_of(bob)
    path = f"/contacts/{ana.id}/notes"

    plain = client.post(path, data={"text": "Likes <b>coffee</b>"})
    fragment = client.post(path, data={"text": "Second"}, headers=FRAGMENT)

    assert plain.status_code == 303
    assert "<html" not in fragment.text
    assert "Likes &lt;b&gt;coffee&lt;/b&gt;" in fragment.text
    assert fragment.text.index("Second") < fragment.text.index("Likes")
    assert "Bob Agent" in client.get(f"/contacts/{ana.id}").text


@pytest.mark.parametrize("text", ["", " \x00 ", "x" * 10_001])
def test_it_refuses_an_empty_or_endless_note(
    app: Flask, bob: User, client_of: ClientOf, text: str
) -> None:
    ana = make_contact("Ana")

    answer = client_of(bob).post(f"/contacts/{ana.id}/notes", data={"text": text})

    assert answer.status_code == 422
    assert 'id="note-text-error"' in answer.text


def test_it_deletes_to_the_bin_and_undoes_it(app: Flask, bob: User, client_of: ClientOf) -> None:
    ana, client = make_contact("Ana", phones=("912345678",)), client_of(bob)

    after = client.post(f"/contacts/{ana.id}/delete", follow_redirects=True)

    assert f'action="/contacts/{ana.id}/restore"' in after.text
    page = client.get(f"/contacts/{ana.id}").text
    assert "Ana is in the bin" in page
    assert "data-call-number" not in page.partition("<main")[2]
    assert client.get(f"/contacts/{ana.id}/edit").status_code == 404
    assert "Ana" in client.get("/contacts/bin").text

    client.post(f"/contacts/{ana.id}/restore")

    assert 'data-call-number="+351912345678"' in client.get(f"/contacts/{ana.id}").text
    assert "The bin is empty" in client.get("/contacts/bin").text


def test_it_shows_an_agent_only_their_own_in_the_bin(
    app: Flask, bob: User, carol: User, dora: User, client_of: ClientOf
) -> None:
    mine = make_contact("Of Bob", responsible=bob)
    hers = make_contact("Of Carol", responsible=carol)
    client_of(dora).post(f"/contacts/{mine.id}/delete")
    client_of(dora).post(f"/contacts/{hers.id}/delete")

    seen = client_of(bob).get("/contacts/bin").text
    assert "Of Bob" in seen
    assert "Of Carol" not in seen
    all_seen = client_of(dora).get("/contacts/bin").text
    assert "Of Bob" in all_seen
    assert "Of Carol" in all_seen


def test_it_lets_only_whoever_deleted_a_contact_last_take_it_out_again(
    app: Flask, alice: User, bob: User, carol: User, client_of: ClientOf
) -> None:
    restrict_agents()
    ana = make_contact("Ana", responsible=bob)
    client, boss = client_of(bob), client_of(alice)
    client.post(f"/contacts/{ana.id}/delete")
    boss.post(f"/contacts/{ana.id}/restore")
    ana.responsible = carol
    db.session.commit()
    boss.post(f"/contacts/{ana.id}/delete")

    assert f'href="/contacts/{ana.id}"' not in client.get("/contacts/bin").text
    assert client.get(f"/contacts/{ana.id}").status_code == 404
    assert client.post(f"/contacts/{ana.id}/restore").status_code == 404


def test_it_lets_whoever_deleted_a_contact_last_take_it_out_again(
    app: Flask, alice: User, bob: User, carol: User, client_of: ClientOf
) -> None:
    restrict_agents()
    ana = make_contact("Ana", responsible=bob)
    client, boss = client_of(bob), client_of(alice)
    boss.post(f"/contacts/{ana.id}/delete")
    boss.post(f"/contacts/{ana.id}/restore")
    client.post(f"/contacts/{ana.id}/delete")
    ana.responsible = carol
    db.session.commit()

    assert f'href="/contacts/{ana.id}"' in client.get("/contacts/bin").text
    assert client.post(f"/contacts/{ana.id}/restore").status_code == 303


def test_it_hides_the_contacts_of_others_when_the_office_says_so(
    app: Flask, bob: User, dora: User, client_of: ClientOf
) -> None:
    hers = make_contact("Hers", responsible=dora)
    restrict_agents()
    client = client_of(bob)

    for answer in (
        client.get(f"/contacts/{hers.id}"),
        client.post(f"/contacts/{hers.id}/notes", data={"text": "x"}),
        client.post(f"/contacts/{hers.id}/delete"),
        client.post(f"/contacts/{hers.id}/restore"),
    ):
        assert answer.status_code == 404
    assert client_of(dora).get(f"/contacts/{hers.id}").status_code == 200


def test_it_offers_contacts_to_other_forms(app: Flask, bob: User, client_of: ClientOf) -> None:
    ana = make_contact("Ana", phones=("912345678",))
    make_contact("Ana & Filhos", kind=ContactKind.COMPANY)
    client = client_of(bob)

    fragment = client.get(
        "/contacts/choose?field=lead_contact&lead_contact-q=ana", headers=FRAGMENT
    )
    companies = client.get("/contacts/choose?q=ana&kind=company", headers=FRAGMENT).text

    assert f'name="lead_contact" value="{ana.id}"' in fragment.text
    assert "912 345 678" in fragment.text
    assert "Ana &amp; Filhos" in companies
    assert f'value="{ana.id}"' not in companies
    assert "<html" in client.get("/contacts/choose?q=ana").text
    assert client.get('/contacts/choose?field="><script>').status_code == 404
