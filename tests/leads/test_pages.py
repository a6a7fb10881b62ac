"""One lead: its page, its form, moving it, the bin, and two people at once."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import pytest
from sqlalchemy import select

from crm_app.accounts.services import change_office
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact, make_lead
from crm_app.extensions import db
from crm_app.journal.kinds import RecordKind
from crm_app.journal.models import JournalEntry, Note
from crm_app.journal.services import add_note
from crm_app.leads import services
from crm_app.leads.models import Lead, LeadStage
from crm_app.records.bin import put_in_bin
from tests.leads.pipeline import win

HTMX = {"HX-Request": "true"}


def stage_id(name: str) -> int:
    return db.session.scalars(select(LeadStage.id).where(LeadStage.name == name)).one()


def fields(page: str) -> dict[str, str]:
    """Read what the lead's form shows, as a browser would send it back."""
    form = page[page.index("novalidate>") :]
    pattern = r'<input[^>]*name="(version|base|title|value|source)"[^>]*value="([^"]*)"'
    return {name: unescape(value) for name, value in re.findall(pattern, form)} | {
        "currency": "EUR"
    }


def newest() -> Lead:
    return db.session.scalars(select(Lead).order_by(Lead.id.desc())).first()


def test_it_shows_all_about_a_lead(client_of, bob):
    contact = make_contact("João Silva", phones=("912345678",))
    lead = make_lead("Roof", contact_id=contact.id, value_cents=123456, source="Web",
                     responsible_id=bob.id, about="Before the summer")  # fmt: skip
    page = client_of(bob).get(f"/leads/{lead.id}").text
    for text in ("Roof", "João Silva", "€1,234.56", "Web", "Bob Agent", "Before the summer"):
        assert text in page
    assert 'data-call-number="+351912345678"' in page
    assert f'name="lead_id" value="{lead.id}"' in page
    assert f'hx-get="/tasks/for-lead/{lead.id}"' in page
    assert f'hx-get="/calls/for-lead/{lead.id}"' in page


def test_it_is_made_from_the_form(client_of, bob):
    contact = make_contact("João Silva")
    services.ensure_stages()
    db.session.commit()
    answer = client_of(bob).post("/leads/new", data={
        "title": "Roof", "contact_id": contact.id, "stage_id": stage_id("Contacted"),
        "value": "1,234.56", "currency": "USD", "source": "Web", "responsible_id": "",
    })  # fmt: skip
    lead = newest()
    assert (answer.status_code, answer.location) == (303, f"/leads/{lead.id}")
    assert (lead.title, lead.contact, lead.stage.name) == ("Roof", contact, "Contacted")
    assert (lead.value_cents, lead.currency, lead.responsible) == (123456, "USD", None)


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ({"title": " "}, "This field is required."),
        ({"title": "x" * 201}, "longer than 200"),
        ({"value": "1.234,56"}, "Write it like 1,234.56"),
        ({"value": "12.345"}, "Write it like 1,234.56"),
        ({"value": "-5"}, "Write it like 1,234.56"),
        ({"value": "1e5"}, "Write it like 1,234.56"),
        ({"value": "NaN"}, "Write it like 1,234.56"),
        ({"value": "9" * 16}, "This amount is too large."),
        ({"currency": "XXX"}, "Not a valid choice"),
        ({"responsible_id": "999"}, "Not a valid choice"),
        ({"contact_id": "999"}, "This contact cannot be chosen."),
        ({"contact_id": "99999999999999"}, "This contact cannot be chosen."),
        ({"number": "12"}, "This number is too short."),
        ({"number": "hello"}, "This is not a phone number."),
        ({"number": "+999 123 456 789"}, "No country has this code."),
    ],
)
def test_it_says_what_is_wrong_and_keeps_what_was_typed(client_of, bob, typed, complaint):
    services.ensure_stages()
    db.session.commit()
    data = {"title": "Roof", "stage_id": stage_id("New"), "value": "", "currency": "EUR",
            "source": "my own source", "responsible_id": ""} | typed  # fmt: skip
    answer = client_of(bob).post("/leads/new", data=data)
    assert answer.status_code == 422
    assert complaint in answer.text
    assert "my own source" in answer.text
    assert newest() is None


def test_it_reads_money_as_the_user_writes_it(client_of, bob):
    bob.language = "pt"
    lead = make_lead("Telhado")
    client = client_of(bob)
    page = client.get(f"/leads/{lead.id}/edit").text
    answer = client.post(f"/leads/{lead.id}/edit", data=fields(page) | {"value": "1.234,56"})
    assert answer.status_code == 303
    assert db.session.get(Lead, lead.id).value_cents == 123456
    assert 'value="1.234,56"' in client.get(f"/leads/{lead.id}/edit").text
    refused = client.post(f"/leads/{lead.id}/edit", data=fields(page) | {"value": "1,234.56"})
    assert refused.status_code == 422


def test_it_is_prefilled_from_a_link(client_of, bob):
    contact = make_contact("João Silva", phones=("912345678",))
    client = client_of(bob)
    by_id = client.get(f"/leads/new?contact_id={contact.id}&title=Roof").text
    assert 'value="Roof"' in by_id
    assert re.search(rf'value="{contact.id}" checked', by_id)
    by_number = client.get("/leads/new?number=%2B351912345678").text
    assert re.search(rf'value="{contact.id}" checked', by_number)
    assert 'value="Call from 912 345 678"' in by_number
    for nonsense in ("contact_id=x", "contact_id=99999999999999999999", "number=%00", "title=%00"):
        assert client.get(f"/leads/new?{nonsense}").status_code == 200


def test_it_makes_a_stranger_a_contact(client_of, bob):
    services.ensure_stages()
    db.session.commit()
    client = client_of(bob)
    page = client.get("/leads/new?number=%2B351911222333").text
    assert 'value="911 222 333"' in page
    client.post("/leads/new", data={
        "title": "Call from 911 222 333", "contact_name": "Rui", "number": "911 222 333",
        "stage_id": stage_id("New"), "currency": "EUR", "responsible_id": str(bob.id),
    })  # fmt: skip
    contact = db.session.scalars(select(Contact)).one()
    assert (contact.name, contact.phones[0].number) == ("Rui", "+351911222333")
    assert newest().contact == contact


def test_it_lays_the_pipeline_with_the_first_lead(client_of, bob):
    client = client_of(bob)
    assert client.get("/leads/new").status_code == 200
    data = {"title": "Roof", "currency": "EUR", "responsible_id": str(bob.id)}
    assert client.post("/leads/new", data=data).status_code == 303
    assert newest().stage.name == "New"
    assert stage_id("Lost")


def test_it_searches_a_contact_without_scripts(client_of, bob):
    make_contact("João Silva")
    data = {"title": "Roof", "row": "find:contact_id", "contact_id-q": "joao"}
    answer = client_of(bob).post("/leads/new", data=data)
    assert answer.status_code == 200
    assert "João Silva" in answer.text
    assert 'value="Roof"' in answer.text
    assert newest() is None


def test_it_moves_in_one_click_and_back(client_of, bob):
    lead = make_lead("Roof")
    client, url = client_of(bob), f"/leads/{lead.id}/stage/{stage_id('Proposal')}"
    page = client.post(url, headers=HTMX).text
    assert lead.stage.name == "Proposal"
    undo = re.search(r'action="(/leads/\d+/stage/\d+/back[^"]*)"', page).group(1)
    client.post(undo.replace("&amp;", "&"))
    db.session.refresh(lead)
    assert lead.stage.name == "New"
    without_scripts = client.post(url)
    assert (without_scripts.status_code, without_scripts.location) == (303, f"/leads/{lead.id}")


def test_it_does_not_undo_over_somebody_elses_change(client_of, bob, carol):
    lead = make_lead("Roof")
    client = client_of(bob)
    page = client.post(f"/leads/{lead.id}/stage/{stage_id('Proposal')}", headers=HTMX).text
    undo = re.search(r'action="(/leads/\d+/stage/\d+/back[^"]*)"', page).group(1)
    win(db.session.get(Lead, lead.id), carol)
    db.session.commit()
    assert client.post(undo.replace("&amp;", "&")).status_code == 409
    db.session.refresh(lead)
    assert lead.stage.name == "Won"


def test_it_asks_for_the_reason_of_a_loss_and_keeps_it_through_undo(client_of, bob):
    lead = make_lead("Roof")
    client, url = client_of(bob), f"/leads/{lead.id}/stage/{stage_id('Lost')}"
    assert "Why was it lost?" in client.get(url).text
    assert "<html" not in client.get(url, headers=HTMX).text
    assert client.post(url, data={"lost_reason": " "}).status_code == 422
    assert client.post(url, data={"lost_reason": "Price & time"}).status_code == 303
    assert "Price &amp; time" in client.get(f"/leads/{lead.id}").text
    page = client.post(f"/leads/{lead.id}/stage/{stage_id('New')}", headers=HTMX).text
    undo = re.search(r'action="(/leads/\d+/stage/\d+/back[^"]*)"', page).group(1)
    client.post(undo.replace("&amp;", "&"))
    db.session.refresh(lead)
    assert (lead.stage.name, lead.lost_reason) == ("Lost", "Price & time")


def test_it_keeps_notes(client_of, bob):
    lead = make_lead("Roof")
    client = client_of(bob)
    assert client.post(f"/leads/{lead.id}/notes", data={"text": " "}).status_code == 422
    assert client.post(f"/leads/{lead.id}/notes", data={"text": "<b>Hi"}).status_code == 303
    assert "&lt;b&gt;Hi" in client.get(f"/leads/{lead.id}").text
    assert db.session.scalars(select(Note)).one().user_id == bob.id


def test_it_goes_to_the_bin_and_comes_back(client_of, bob):
    lead = make_lead("Roof")
    client = client_of(bob)
    page = client.post(f"/leads/{lead.id}/delete", follow_redirects=True).text
    assert f"/leads/{lead.id}/restore" in page
    assert f'href="/leads/{lead.id}"' not in page
    assert "Roof" in client.get("/leads/bin").text
    in_bin = client.get(f"/leads/{lead.id}").text
    assert "in the bin" in in_bin
    assert "Restore" in in_bin
    assert client.get(f"/leads/{lead.id}/edit").status_code == 404
    client.post(f"/leads/{lead.id}/restore")
    assert client.get(f"/leads/{lead.id}/edit").status_code == 200


def test_it_keeps_a_note_on_what_went_to_the_bin_while_it_was_typed(client_of, bob, carol):
    lead, client = make_lead("Roof"), client_of(bob)
    url = f"/leads/{lead.id}/notes"
    put_in_bin(lead, carol)
    db.session.commit()
    page = client.post(url, data={"text": "He rang"}, follow_redirects=True).text
    assert "The note was kept. Roof is in the bin." in page
    assert '<div class="as-typed">He rang</div>' in page
    fragment = client.post(url, data={"text": "Twice"}, headers=HTMX).text
    assert "The note was kept. Roof is in the bin." in fragment
    assert "Twice" in fragment
    assert "<textarea" not in fragment
    too_long = client.post(url, data={"text": "x" * 10_001})
    assert too_long.status_code == 422
    assert "x" * 10_001 in too_long.text
    texts = [note.text for note in db.session.scalars(Note.of("lead", lead.id))]
    assert texts == ["Twice", "He rang"]


def test_it_leads_to_all_its_notes(client_of, bob):
    lead, client = make_lead("Roof"), client_of(bob)
    for number in range(51):
        add_note(RecordKind.LEAD, lead.id, f"Note {number}.", bob)
    db.session.commit()
    page = client.get(f"/leads/{lead.id}").text
    assert "Note 1." in page
    assert "Note 0." not in page
    older = re.search(rf'href="(/leads/{lead.id}/notes\?cursor=[^"]+)"', page).group(1)
    assert "Note 0." in client.get(older).text
    assert "Note 50." in client.get(f"/leads/{lead.id}/notes").text


def test_it_does_not_lose_an_edit_of_what_went_to_the_bin_meanwhile(client_of, bob, carol):
    lead, client = make_lead("Roof"), client_of(bob)
    url = f"/leads/{lead.id}/edit"
    seen = fields(client.get(url).text)
    put_in_bin(lead, carol)
    db.session.commit()
    told = client.post(url, data=seen | {"title": "Red roof", "about": "much typed text"})
    assert told.status_code == 409
    assert "put the lead in the bin" in told.text
    assert "The lead is in the bin now. Saving takes it out again." in told.text
    assert "much typed text" in told.text
    db.session.refresh(lead)
    assert (lead.title, lead.deleted_at is None) == ("Roof", False)
    saved = client.post(url, data=fields(told.text) | {"about": "much typed text"})
    assert (saved.status_code, saved.location) == (303, f"/leads/{lead.id}")
    db.session.refresh(lead)
    assert (lead.title, lead.about, lead.deleted_at) == ("Red roof", "much typed text", None)


def test_it_takes_a_second_click_on_save_for_the_first(client_of, bob):
    lead, client = make_lead("Roof"), client_of(bob)
    url = f"/leads/{lead.id}/edit"
    typed = fields(client.get(url).text) | {"title": " Red roof ", "value": "200"}
    assert [client.post(url, data=typed).status_code for _ in range(2)] == [303, 303]
    db.session.refresh(lead)
    assert (lead.title, lead.value_cents, lead.version) == ("Red roof", 20_000, 2)


def test_it_tells_the_second_editor_and_loses_nothing(client_of, bob, carol):
    lead = make_lead("Roof", source="Phone", value_cents=10_000)
    bobs, carols = client_of(bob), client_of(carol)
    seen_by_bob = fields(bobs.get(f"/leads/{lead.id}/edit").text)
    seen_by_carol = fields(carols.get(f"/leads/{lead.id}/edit").text)
    url = f"/leads/{lead.id}/edit"
    first = carols.post(url, data=seen_by_carol | {"title": "Big roof", "value": "200.00"})
    assert first.status_code == 303

    second = bobs.post(url, data=seen_by_bob | {"title": "Red roof", "source": "Web"})
    assert second.status_code == 409
    assert "Somebody else has changed this" in second.text
    assert "Carol Agent" in second.text
    assert "Big roof" in second.text
    db.session.expire_all()
    assert (lead.title, lead.source) == ("Big roof", "Phone")

    # His title and source are still there; the value he had not touched is hers.
    offered = fields(second.text)
    assert (offered["title"], offered["source"], offered["value"]) == ("Red roof", "Web", "200.00")
    assert bobs.post(url, data=offered).status_code == 303
    db.session.expire_all()
    assert (lead.title, lead.source, lead.value_cents) == ("Red roof", "Web", 20_000)
    actions = [entry.action for entry in db.session.scalars(JournalEntry.of("lead", lead.id))]
    assert actions == ["changed", "changed"]


def test_it_lets_one_of_two_win_who_save_in_the_same_moment(client_of, bob, carol):
    lead = make_lead("Roof")
    url, data = f"/leads/{lead.id}/edit", {"currency": "EUR", "version": "1"}
    clients = [client_of(user) for user in (bob, carol) * 4]
    db.session.rollback()
    start = threading.Barrier(len(clients))

    def save(number: int) -> int:
        start.wait(60)
        return clients[number].post(url, data=data | {"title": f"Roof {number}"}).status_code

    with ThreadPoolExecutor(len(clients)) as pool:
        codes = sorted(pool.map(save, range(len(clients))))
    assert codes == [303] + [409] * 7
    db.session.refresh(lead)
    assert lead.version == 2


@pytest.mark.parametrize("version", ["", "x", "0", "99", "-1", "٣"])
def test_it_takes_a_version_that_makes_no_sense_for_an_old_one(client_of, bob, version):
    lead = make_lead("Roof")
    data = {"title": "New", "currency": "EUR", "version": version, "base": "[1"}
    assert client_of(bob).post(f"/leads/{lead.id}/edit", data=data).status_code == 409
    db.session.refresh(lead)
    assert lead.title == "Roof"


def test_it_is_a_box_on_the_contacts_page(client_of, bob):
    contact = make_contact("João Silva")
    open_lead = make_lead("Roof", contact_id=contact.id)
    win(make_lead("Wall", contact_id=contact.id), bob)
    db.session.commit()
    make_lead("Elsewhere")
    client = client_of(bob)
    box = client.get(f"/leads/for-contact/{contact.id}", headers=HTMX).text
    assert box.index("Roof") < box.index("Wall")
    assert "Elsewhere" not in box
    assert f"/leads/new?contact_id={contact.id}" in box
    assert f"/leads/{open_lead.id}" in box
    assert "<html" in client.get(f"/leads/for-contact/{contact.id}").text
    assert client.get("/leads/for-contact/999").status_code == 404


def test_its_box_stays_short_and_leads_to_the_rest(client_of, bob):
    contact, client = make_contact("Ana"), client_of(bob)
    for number in range(11):
        make_lead(f"Roof {number}", contact=contact)
    address = f"/leads/for-contact/{contact.id}"
    box = client.get(address, headers=HTMX).text
    to_all = f'href="{address}">All leads'
    assert (box.count("Roof"), to_all in box) == (10, True)
    whole = client.get(address).text
    assert (whole.count(">Roof"), to_all in whole) == (11, False)


def test_it_lets_a_restricted_agent_give_a_lead_away(client_of, alice, bob, carol):
    change_office("", restricts_agents=True, by=alice)
    lead = make_lead("Roof", responsible_id=bob.id)
    client = client_of(bob)
    data = fields(client.get(f"/leads/{lead.id}/edit").text) | {"responsible_id": str(carol.id)}
    answer = client.post(f"/leads/{lead.id}/edit", data=data)
    assert (answer.status_code, answer.location) == (303, "/leads")
    assert client.get(f"/leads/{lead.id}").status_code == 404
    assert client_of(carol).get(f"/leads/{lead.id}").status_code == 200


def test_it_hides_contacts_that_a_restricted_agent_may_not_see(client_of, alice, bob, carol):
    change_office("", restricts_agents=True, by=alice)
    hers = make_contact("Secret Client", responsible_id=carol.id)
    client = client_of(bob)
    data = {"title": "Roof", "contact_id": hers.id, "currency": "EUR", "responsible_id": ""}
    answer = client.post("/leads/new", data=data)
    assert answer.status_code == 422
    assert "Secret Client" not in answer.text
    assert "Secret Client" not in client.get(f"/leads/new?contact_id={hers.id}").text
    assert client.get(f"/leads/for-contact/{hers.id}").status_code == 404


@pytest.mark.parametrize("path", ["/leads/1", "/leads/99999999999999999999", "/leads/1/edit"])
def test_it_knows_no_lead_that_is_not_there(client_of, bob, path):
    assert client_of(bob).get(path).status_code == 404
