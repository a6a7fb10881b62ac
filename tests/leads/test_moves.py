"""Moving a lead along the pipeline and taking that back: nothing said about it gets lost."""

import re
from datetime import UTC, datetime
from html import unescape

import pytest
import time_machine
from sqlalchemy import select

from crm_app.demo import make_lead
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.leads import services
from crm_app.leads.fields import LeadDraft
from crm_app.leads.models import Lead
from crm_app.records.bin import put_in_bin
from tests.leads.pipeline import lose, named, win

pytestmark = pytest.mark.usefixtures("pipeline")

HTMX = {"HX-Request": "true"}
NEW_YEAR = datetime(2026, 1, 1, 10, tzinfo=UTC)


def move(client, lead: Lead, stage: str, **typed: str) -> str:
    """Move a lead as the page does, and give the address that its toast undoes the move by."""
    url = f"/leads/{lead.id}/stage/{named(stage).id}"
    page = client.post(url, data=typed, headers=HTMX).text
    return unescape(re.findall(r'action="(/leads/\d+/stage/\d+/back[^"]*)"', page)[-1])


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("stage", ["Proposal", "Won", "Lost"])
def test_it_moves_nothing_for_a_look(client_of, bob, method, stage):
    lead = make_lead("Roof")
    url = f"/leads/{lead.id}/stage/{named(stage).id}"
    assert client_of(bob).open(url, method=method).status_code in {200, 303}
    db.session.refresh(lead)
    assert (lead.stage.name, lead.version) == ("New", 1)


def test_it_gets_the_day_of_its_sale_back_with_the_stage(client_of, bob):
    lead, client = make_lead("Roof"), client_of(bob)
    with time_machine.travel(NEW_YEAR, tick=False):
        win(lead, bob)
        db.session.commit()
    undo = move(client, lead, "New")
    db.session.refresh(lead)
    assert lead.closed_at is None
    assert client.post(undo).status_code == 303
    db.session.refresh(lead)
    assert (lead.stage.name, lead.closed_at) == ("Won", NEW_YEAR)
    assert "1 Jan 2026" in client.get(f"/leads/{lead.id}").text


def test_it_gets_its_reason_and_day_back_from_one_lost_stage_to_another(client_of, bob, dora):
    client_of(dora).post("/leads/stages", data={"name": "Gone", "kind": "lost"})
    lead, client = make_lead("Roof"), client_of(bob)
    with time_machine.travel(NEW_YEAR, tick=False):
        lose(lead, "Price", bob)
        db.session.commit()
    for reason in ("Price", "Time"):
        undo = move(client, lead, "Gone", lost_reason=reason)
        assert client.post(undo).status_code == 303
        db.session.refresh(lead)
        assert (lead.stage.name, lead.lost_reason) == ("Lost", "Price")
        assert lead.closed_at == NEW_YEAR


def test_it_puts_no_reason_into_an_address(client_of, bob):
    lead, client = make_lead("Roof"), client_of(bob)
    move(client, lead, "Lost", lost_reason="Too dear for Ana Sousa")
    assert "Ana" not in move(client, lead, "New")


def test_it_asks_for_the_reason_when_a_loss_of_long_ago_has_none_to_give_back(client_of, bob):
    lead = make_lead("Roof", stage=named("Lost"))
    client = client_of(bob)
    answer = client.post(move(client, lead, "New"), follow_redirects=True)
    assert (answer.status_code, answer.request.path) == (
        200, f"/leads/{lead.id}/stage/{named('Lost').id}",
    )  # fmt: skip
    assert "Why was it lost?" in answer.text


def test_it_is_not_lost_without_a_reason_by_a_forged_undo(client_of, bob):
    lead, client = make_lead("Roof"), client_of(bob)
    url = f"/leads/{lead.id}/stage/{named('Lost').id}/back?version=1&lost_reason=forged"
    client.post(url)
    db.session.refresh(lead)
    assert (lead.stage.name, lead.lost_reason) == ("New", "")


def test_it_moves_no_lead_in_the_bin_and_keeps_the_reason_on_the_screen(client_of, bob, carol):
    lead, client = make_lead("Roof"), client_of(bob)
    put_in_bin(lead, carol)
    db.session.commit()
    lost = f"/leads/{lead.id}/stage/{named('Lost').id}"
    refused = client.post(lost, data={"lost_reason": "Price & time"})
    assert refused.status_code == 422
    assert "The lead is in the bin. Restore it to work with it." in refused.text
    assert 'value="Price &amp; time"' in refused.text
    page = client.post(f"/leads/{lead.id}/stage/{named('Won').id}", follow_redirects=True).text
    assert "The lead is in the bin. Restore it to work with it." in page
    db.session.refresh(lead)
    assert (lead.stage.name, lead.version) == ("New", 2)


def test_it_says_that_a_stage_is_not_there_any_more(client_of, bob):
    lead, client = make_lead("Roof"), client_of(bob)
    for url in (f"/leads/{lead.id}/stage/999", f"/leads/{lead.id}/stage/999/back?version=1"):
        page = client.post(url, follow_redirects=True).text
        assert "This stage no longer exists." in page
    assert client.get(f"/leads/{lead.id}/stage/999").status_code == 404


@pytest.mark.parametrize("reason", ["", "  "])
def test_it_makes_no_lost_lead_without_a_reason(bob, reason):
    with pytest.raises(InvalidInputError) as refused:
        services.create_lead(LeadDraft(title="Roof"), bob, stage=named("Lost"), lost_reason=reason)
    assert (refused.value.code, refused.value.field) == ("required", "lost_reason")
    assert db.session.scalar(select(Lead)) is None


def test_it_makes_a_lost_lead_with_its_reason(bob):
    lead = services.create_lead(
        LeadDraft(title="Roof"), bob, stage=named("Lost"), lost_reason=" Price "
    )
    assert (lead.lost_reason, lead.closed_at is None) == ("Price", False)
    open_one = services.create_lead(
        LeadDraft(title="Wall"), bob, stage=named("New"), lost_reason="Price"
    )
    assert open_one.lost_reason == ""
