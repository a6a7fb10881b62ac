"""Two colleagues at the same lead or the same pipeline, in the same moment."""

import re

import pytest
from sqlalchemy import select

from crm_app.demo import make_lead
from crm_app.errors import ConflictError
from crm_app.extensions import db
from crm_app.journal.models import JournalEntry
from crm_app.leads import services, stages
from crm_app.leads.fields import LeadDraft
from crm_app.leads.models import Lead, LeadStage, StageKind
from crm_app.records.bin import put_in_bin
from crm_app.records.versions import for_update_at
from tests.leads.pipeline import named
from tests.overtaken import overtaken

pytestmark = pytest.mark.usefixtures("pipeline")

HTMX = {"HX-Request": "true"}


def actions(lead: Lead) -> list[str]:
    return [entry.action for entry in db.session.scalars(JournalEntry.of("lead", lead.id))]


def test_it_makes_two_moves_of_two_moves(client_of, bob, carol):
    lead, client = make_lead("Roof"), client_of(bob)
    url = f"/leads/{lead.id}/stage/{named('Proposal').id}"
    services.move_to(lead, named("Contacted"), carol)
    page = overtaken(lambda: client.post(url, headers=HTMX)).text
    db.session.refresh(lead)
    assert (lead.stage.name, lead.version) == ("Proposal", 3)
    last = db.session.scalars(JournalEntry.of("lead", lead.id)).first()
    assert last.shown == {"stage": ["Contacted", "Proposal"]}
    # Undoing the first would undo the second.
    with pytest.raises(ConflictError):
        services.move_back(lead, named("New"), carol, 2)
    undo = re.search(r'action="(/leads/\d+/stage/(\d+)/back[^"]*)"', page)
    assert int(undo.group(2)) == named("Contacted").id
    assert client.post(undo.group(1)).status_code == 303


def test_it_goes_to_the_bin_once(client_of, bob, carol):
    lead, client = make_lead("Roof"), client_of(bob)
    url = f"/leads/{lead.id}/delete"
    put_in_bin(lead, carol)
    assert overtaken(lambda: client.post(url)).status_code in {303, 404}
    db.session.refresh(lead)
    assert (actions(lead), lead.version) == (["deleted"], 2)


def test_it_is_not_moved_by_who_had_not_seen_that_it_went_to_the_bin(client_of, bob, carol):
    lead, client = make_lead("Roof"), client_of(bob)
    url = f"/leads/{lead.id}/stage/{named('Won').id}"
    put_in_bin(lead, carol)
    answer = overtaken(lambda: client.post(url, headers=HTMX))
    assert "The lead is in the bin. Restore it to work with it." in answer.text
    db.session.refresh(lead)
    assert (lead.stage.name, actions(lead)) == ("New", ["deleted"])


def test_it_says_that_a_stage_went_away_before_the_lead_came(client_of, bob, dora):
    lead, client = make_lead("Roof"), client_of(bob)
    url = f"/leads/{lead.id}/stage/{named('Contacted').id}"
    stages.delete_stage(named("Contacted"), dora)
    answer = overtaken(lambda: client.post(url, headers=HTMX))
    assert answer.status_code == 200
    assert "This stage no longer exists." in answer.text
    db.session.refresh(lead)
    assert (lead.stage.name, lead.version) == ("New", 1)


def test_it_says_that_a_stage_went_away_before_a_new_lead_came(client_of, bob, dora):
    client, typed = client_of(bob), {"title": "Roof", "currency": "EUR", "responsible_id": ""}
    stage_id = named("Contacted").id
    stages.delete_stage(named("Contacted"), dora)
    answer = overtaken(lambda: client.post("/leads/new", data=typed | {"stage_id": stage_id}))
    assert answer.status_code == 422
    assert 'value="Roof"' in answer.text
    assert db.session.scalar(select(Lead)) is None


def test_it_keeps_a_stage_that_a_lead_is_just_coming_to(client_of, bob, dora):
    lead, client, contacted = make_lead("Roof"), client_of(dora), named("Contacted")
    url = f"/leads/stages/{contacted.id}/delete"
    services.move_to(lead, contacted, bob)
    page = overtaken(lambda: client.post(url, follow_redirects=True)).text
    assert "1 lead is in this stage. Move it first." in page
    db.session.refresh(lead)
    assert lead.stage == named("Contacted")


def test_it_keeps_one_of_a_kind_when_two_managers_delete(client_of, alice, dora):
    stages.add_stage("Paid", StageKind.WON, alice)
    db.session.commit()
    client, url = client_of(dora), f"/leads/stages/{named('Won').id}/delete"
    stages.delete_stage(named("Paid"), alice)
    page = overtaken(lambda: client.post(url, follow_redirects=True)).text
    assert "One stage of the kind “Won” must stay." in page
    assert named("Won").kind == StageKind.WON


def test_it_says_that_another_manager_deleted_the_stage(client_of, alice, dora):
    client, url = client_of(dora), f"/leads/stages/{named('Contacted').id}"
    stages.delete_stage(named("Contacted"), alice)
    answer = overtaken(lambda: client.post(url, data={"name": "Called", "kind": "open"}))
    assert answer.status_code in {404, 422}
    names = db.session.scalars(select(LeadStage.name)).all()
    assert "Called" not in names


def test_it_takes_one_of_two_stages_of_the_same_name(client_of, alice, dora):
    client = client_of(dora)
    stages.add_stage("Offer", StageKind.OPEN, alice)
    answer = overtaken(lambda: client.post("/leads/stages", data={"name": "offer", "kind": "open"}))
    assert answer.status_code == 422
    assert "A stage with this name already exists." in answer.text


def test_it_empties_a_stage_of_those_who_are_still_there(client_of, bob, dora):
    leaving, staying = (make_lead(name, stage=named("Contacted")) for name in ("One", "Two"))
    client, url = client_of(dora), f"/leads/stages/{named('Contacted').id}/empty"
    target = {"stage_id": named("Proposal").id}
    services.move_to(leaving, named("Won"), bob)
    assert overtaken(lambda: client.post(url, data=target)).status_code == 303
    db.session.expire_all()
    assert (leaving.stage.name, leaving.version) == ("Won", 2)
    assert (staying.stage.name, staying.version) == ("Proposal", 2)


def test_it_makes_two_changes_of_an_edit_and_an_emptied_stage(client_of, bob, dora):
    lead = make_lead("Roof", stage=named("Contacted"))
    client, url = client_of(dora), f"/leads/stages/{named('Contacted').id}/empty"
    target = {"stage_id": named("Proposal").id}
    for_update_at(lead, 1)
    services.update_lead(lead, LeadDraft(title="Red roof"), bob)
    assert overtaken(lambda: client.post(url, data=target)).status_code == 303
    db.session.expire_all()
    assert (lead.stage.name, lead.title, lead.version) == ("Proposal", "Red roof", 3)
