"""The pipeline is the office's own, but always has a first, a won and a lost stage."""

import flask_babel
import pytest
from sqlalchemy import delete

from crm_app.demo import make_lead
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.journal.kinds import ONLY, RecordKind
from crm_app.journal.models import JournalEntry
from crm_app.leads import services, stages
from crm_app.leads.models import LeadStage, StageKind
from crm_app.records.bin import put_in_bin
from tests.leads.pipeline import named

pytestmark = pytest.mark.usefixtures("pipeline")


def names() -> list[str]:
    return [stage.name for stage in db.session.scalars(stages.in_order())]


def test_it_adds_a_stage_after_those_of_its_kind():
    stages.add_stage("Negotiation", StageKind.OPEN, None)
    assert names() == ["New", "Contacted", "Proposal", "Negotiation", "Won", "Lost"]


@pytest.mark.parametrize("twice", ["new", "évora", "ÉVORA", "Evora", " Évora "])
def test_it_refuses_a_name_twice_whatever_its_case_and_accents(twice):
    stages.add_stage("Évora", StageKind.OPEN, None)
    with pytest.raises(InvalidInputError) as refused:
        stages.add_stage(twice, StageKind.OPEN, None)
    assert refused.value.code == "stage_name_taken"


def test_it_keeps_its_own_name():
    stages.change_stage(named("New"), "new", StageKind.OPEN, None)
    assert names()[0] == "new"


def test_it_changes_places():
    stages.shift(named("Proposal"), None, up=True)
    stages.shift(named("New"), None, up=True)
    stages.shift(named("Lost"), None, up=False)
    assert names() == ["New", "Proposal", "Contacted", "Won", "Lost"]


def test_it_never_loses_the_last_of_a_kind():
    for verb in (
        lambda: stages.delete_stage(named("Won"), None),
        lambda: stages.change_stage(named("Won"), "Won", StageKind.OPEN, None),
    ):
        with pytest.raises(InvalidInputError) as refused:
            verb()
        assert refused.value.code == "last_of_kind"


def test_it_must_be_empty_to_go(bob):
    lead = make_lead("Roof", stage=named("Contacted"))
    put_in_bin(lead, bob)
    with pytest.raises(InvalidInputError) as refused:
        stages.delete_stage(named("Contacted"), bob)
    assert (refused.value.code, refused.value.details) == ("stage_not_empty", {"count": 1})
    assert stages.empty_into(named("Contacted"), named("Proposal"), bob) == 1
    stages.delete_stage(named("Contacted"), bob)
    assert names() == ["New", "Proposal", "Won", "Lost"]
    last = db.session.scalars(JournalEntry.of("lead", lead.id)).first()
    assert last.shown == {"stage": ["Contacted", "Proposal"]}


def test_it_makes_no_lead_won_by_tidying_up(bob):
    make_lead("Roof", stage=named("Contacted"))
    with pytest.raises(InvalidInputError) as refused:
        stages.empty_into(named("Contacted"), named("Won"), bob)
    assert refused.value.code == "other_kind"
    with pytest.raises(InvalidInputError) as refused:
        stages.change_stage(named("Contacted"), "Contacted", StageKind.WON, bob)
    assert refused.value.code == "stage_not_empty"


def test_it_is_a_managers_page(client_of, bob, dora):
    for path in ("/leads/stages", f"/leads/stages/{named('New').id}"):
        assert client_of(bob).get(path).status_code == 403
        assert client_of(dora).get(path).status_code == 200
    refused = client_of(bob).post("/leads/stages", data={"name": "X", "kind": "open"})
    assert refused.status_code == 403
    assert "X" not in names()


def test_it_is_told_who_changed_the_pipeline(client_of, dora):
    client = client_of(dora)
    client.post("/leads/stages", data={"name": "Offer", "kind": "open"})
    stage_id = named("Offer").id
    client.post(f"/leads/stages/{stage_id}", data={"name": "Quote", "kind": "open"})
    client.post(f"/leads/stages/{stage_id}", data={"name": "Quote", "kind": "open"})
    client.post(f"/leads/stages/{stage_id}/shift", data={"to": "up"})
    client.post(f"/leads/stages/{named('New').id}/shift", data={"to": "up"})
    client.post(f"/leads/stages/{stage_id}/delete")
    entries = db.session.scalars(JournalEntry.of(RecordKind.PIPELINE, ONLY)).all()
    assert {entry.user for entry in entries} == {dora}
    assert [(entry.action, entry.shown) for entry in reversed(entries)] == [
        ("stage_added", {"stage": [None, ["Offer", "open"]]}),
        ("stage_changed", {"stage": [["Offer", "open"], ["Quote", "open"]]}),
        (
            "stages_ordered",
            {
                "order": [
                    ["New", "Contacted", "Proposal", "Quote", "Won", "Lost"],
                    ["New", "Contacted", "Quote", "Proposal", "Won", "Lost"],
                ]
            },
        ),
        ("stage_deleted", {"stage": [["Quote", "open"], None]}),
    ]
    page = client.get("/leads/stages").text
    for words in ("added a stage", "deleted a stage", "Offer (Open)", "New · Contacted · Quote"):
        assert words in page


def test_it_is_changed_on_its_page(client_of, dora):
    client = client_of(dora)
    assert client.post("/leads/stages", data={"name": "Offer", "kind": "open"}).status_code == 303
    again = client.post("/leads/stages", data={"name": "offer", "kind": "open"})
    assert again.status_code == 422
    assert "A stage with this name already exists." in again.text
    stage_id = named("Offer").id
    client.post(f"/leads/stages/{stage_id}/shift", data={"to": "up"})
    assert names()[2:4] == ["Offer", "Proposal"]
    client.post(f"/leads/stages/{stage_id}", data={"name": "Quote", "kind": "open"})
    assert "Quote" in names()
    lead = make_lead("Roof", stage=named("Quote"))
    page = client.post(f"/leads/stages/{stage_id}/delete", follow_redirects=True)
    assert "1 lead is in this stage. Move it first." in page.text
    target = {"stage_id": named("New").id}
    client.post(f"/leads/stages/{stage_id}/empty", data=target)
    client.post(f"/leads/stages/{stage_id}/delete")
    db.session.refresh(lead)
    assert "Quote" not in names()
    assert lead.stage.name == "New"


def test_it_names_the_first_stages_in_the_language_of_the_office(app, monkeypatch):
    db.session.execute(delete(LeadStage))
    monkeypatch.setitem(app.config, "DEFAULT_LANGUAGE", "pt")
    flask_babel.refresh()
    services.ensure_stages()
    assert names() == ["Nova", "Contactada", "Proposta", "Ganha", "Perdida"]
