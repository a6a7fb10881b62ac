"""A contact's own page, its notes, the bin, and the choice of a contact for other forms."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm_app import clock
from crm_app.accounts.models import OfficeSettings, User
from crm_app.accounts.services import change_office
from crm_app.contacts.models import ContactKind
from crm_app.demo import make_contact, make_lead, make_task
from crm_app.extensions import db
from crm_app.journal.models import Note
from crm_app.journal.services import add_note

ClientOf = Callable[[User], FlaskClient]
FRAGMENT = {"HX-Request": "true"}


def restrict_agents() -> None:
    db.session.add(OfficeSettings(id=1, restricts_agents=True))
    db.session.commit()


def address_of(relation: str, html: str) -> str:
    """Find where a page's link to its neighbour leads: next or prev."""
    found = re.search(rf'rel="{relation}" href="([^"]+)"', html)
    assert found is not None
    return found[1].replace("&amp;", "&")


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


def test_it_leads_to_all_people_of_a_large_company_page_by_page(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    acme = make_contact("Acme", kind=ContactKind.COMPANY)
    for number in range(60):
        make_contact(f"Worker {number:02}", company=acme)
    client, path = client_of(bob), f"/contacts/{acme.id}/people"

    page, first = client.get(f"/contacts/{acme.id}").text, client.get(path).text
    second = client.get(address_of("next", first)).text

    assert f'href="{path}"' in page
    for html in (page, first):
        assert "Worker 49" in html
        assert "Worker 50" not in html
    assert "Worker 49" not in second
    assert "Worker 59" in second


def test_it_leads_to_all_notes_page_by_page(app: Flask, bob: User, client_of: ClientOf) -> None:
    ana, client = make_contact("Ana"), client_of(bob)
    for number in range(60):
        add_note("contact", ana.id, f"Note {number:02}", bob)
    db.session.commit()

    page = client.get(f"/contacts/{ana.id}").text
    older = re.search(rf'href="(/contacts/{ana.id}/notes\?cursor=[^"]+)">Older notes', page)
    assert older is not None
    second = client.get(older[1]).text

    assert "Note 59" in page
    assert "Note 10" in page
    assert "Note 09" not in page
    assert "Note 09" in second
    assert "Note 00" in second
    assert "Note 10" not in second
    assert "Note 59" in client.get(address_of("prev", second)).text


def test_it_leads_to_all_tasks_for_a_contact(
    app: Flask, bob: User, carol: User, client_of: ClientOf
) -> None:
    ana = make_contact("Ana")
    make_task("Hers, done", contact=ana, assignee=carol, completed_at=clock.now())
    client = client_of(bob)

    box = client.get(f"/tasks/for-contact/{ana.id}", headers=FRAGMENT).text
    found = re.search(r'href="([^"]+)">All tasks</a>', box)
    assert found is not None

    assert "Hers, done" in client.get(found[1].replace("&amp;", "&")).text


def test_it_leads_to_no_older_notes_where_there_are_none(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    ana, client = make_contact("Ana"), client_of(bob)
    add_note("contact", ana.id, "The only one", bob)
    db.session.commit()

    assert "Older notes" not in client.get(f"/contacts/{ana.id}").text


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


@pytest.mark.parametrize("headers", [{}, FRAGMENT])
def test_it_keeps_a_note_on_a_contact_that_went_to_the_bin_meanwhile(
    app: Flask, bob: User, dora: User, client_of: ClientOf, headers: dict[str, str]
) -> None:
    ana, client = make_contact("Ana"), client_of(bob)
    client_of(dora).post(f"/contacts/{ana.id}/delete")
    path = f"/contacts/{ana.id}/notes"

    answer = client.post(
        path, data={"text": "Typed for long"}, headers=headers, follow_redirects=True
    )

    assert answer.status_code == 200
    assert "Typed for long" in answer.text
    assert "The note was kept. Ana is in the bin." in answer.text
    assert 'id="note-text"' not in answer.text
    client.post(f"/contacts/{ana.id}/restore")
    assert "Typed for long" in client.get(f"/contacts/{ana.id}").text


def test_it_shows_a_refused_note_again_also_in_the_bin(
    app: Flask, bob: User, dora: User, client_of: ClientOf
) -> None:
    ana, client = make_contact("Ana"), client_of(bob)
    client_of(dora).post(f"/contacts/{ana.id}/delete")

    answer = client.post(f"/contacts/{ana.id}/notes", data={"text": "x" * 10_001})

    assert answer.status_code == 422
    assert "Ana is in the bin" in answer.text
    assert "x" * 10_001 in answer.text


def test_it_counts_a_line_end_of_a_note_once(app: Flask, bob: User, client_of: ClientOf) -> None:
    ana, text = make_contact("Ana"), "\n".join(["abc"] * 2_500)

    answer = client_of(bob).post(
        f"/contacts/{ana.id}/notes", data={"text": text.replace("\n", "\r\n")}
    )

    assert answer.status_code == 303
    note = db.session.scalar(Note.of("contact", ana.id))
    assert note is not None
    assert note.text == text


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
    restrict_agents()
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
        client.get(f"/contacts/{hers.id}/notes"),
        client.get(f"/contacts/{hers.id}/people"),
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


@pytest.mark.parametrize("is_restricted", [False, True])
def test_all_bins_show_the_same_kind_of_things(
    app: Flask, alice: User, bob: User, dora: User, client_of: ClientOf, is_restricted: bool
) -> None:
    change_office("", restricts_agents=is_restricted, by=alice)
    gone = clock.now()
    for owner, name in ((bob, "Bob"), (dora, "Dora")):
        make_contact(f"Contact of {name}", responsible_id=owner.id, deleted_at=gone)
        make_lead(f"Lead of {name}", responsible_id=owner.id, deleted_at=gone)
        make_task(f"Task of {name}", assignee_id=owner.id, deleted_at=gone)
    client = client_of(bob)
    for kind in ("contact", "lead", "task"):
        page = client.get(f"/{kind}s/bin").text
        assert f"{kind.title()} of Bob" in page
        assert (f"{kind.title()} of Dora" in page) != is_restricted, kind
