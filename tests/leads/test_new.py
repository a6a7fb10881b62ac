"""The form of a new lead: where it starts, and whom it is with."""

import re

import pytest
from sqlalchemy import select

from crm_app.accounts.services import change_office
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.leads import services
from crm_app.leads.models import Lead, LeadStage

NOT_BOTH = "A contact is already chosen. Clear the name and the number, or remove the contact."


@pytest.fixture(autouse=True)
def pipeline(app):
    services.ensure_stages()
    db.session.commit()


def stage_id(name: str) -> int:
    return db.session.scalars(select(LeadStage.id).where(LeadStage.name == name)).one()


def typed(**changes: object) -> dict[str, object]:
    return {
        "title": "Roof", "stage_id": stage_id("New"), "currency": "EUR", "responsible_id": "",
    } | changes  # fmt: skip


def test_it_starts_in_no_stage_that_needs_a_reason(client_of, bob):
    client = client_of(bob)
    choice = re.search(r'name="stage_id".*?</select>', client.get("/leads/new").text, re.S)
    assert re.findall(r">([^<>]+)</option>", choice.group()) == [
        "New", "Contacted", "Proposal", "Won",
    ]  # fmt: skip
    forged = client.post("/leads/new", data=typed(stage_id=stage_id("Lost")))
    assert forged.status_code == 422
    assert db.session.scalar(select(Lead)) is None


@pytest.mark.parametrize(
    "stranger",
    [
        {"contact_name": "Rui"},
        {"number": "913 000 111"},
        {"contact_name": "Rui", "number": "913 000 111"},
        {"contact_name": "Rui", "number": "912 345 678"},
    ],
)
def test_it_does_not_guess_between_a_chosen_contact_and_somebody_new(client_of, bob, stranger):
    ana = make_contact("Ana", phones=("912345678",))
    answer = client_of(bob).post("/leads/new", data=typed(contact_id=ana.id, **stranger))
    assert answer.status_code == 422
    assert re.search(rf'id="contact_name-error">{NOT_BOTH}', answer.text)
    # The fields are in sight, with what was typed into them.
    assert '<details class="mb-3" open>' in answer.text
    for text in stranger.values():
        assert f'value="{text}"' in answer.text
    assert db.session.scalars(select(Contact)).all() == [ana]
    assert db.session.scalar(select(Lead)) is None


def test_it_takes_the_number_of_the_chosen_contact_for_no_stranger(client_of, bob):
    ana = make_contact("Ana", phones=("912345678",))
    answer = client_of(bob).post("/leads/new", data=typed(contact_id=ana.id, number="912 345 678"))
    assert answer.status_code == 303
    assert db.session.scalars(select(Lead)).one().contact == ana


def test_it_offers_no_undo_to_an_agent_who_gave_it_away_at_once(client_of, alice, bob, carol):
    change_office("", restricts_agents=True, by=alice)
    db.session.commit()
    client = client_of(bob)
    given = client.post("/leads/new", data=typed(responsible_id=carol.id), follow_redirects=True)
    assert given.request.path == "/leads"
    assert "The lead was created." in given.text
    assert "/delete" not in given.text
    kept = client.post("/leads/new", data=typed(responsible_id=bob.id), follow_redirects=True)
    assert "/delete" in kept.text
