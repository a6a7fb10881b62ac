"""What the verbs of leads promise to whoever calls them."""

import pytest
import time_machine
from sqlalchemy import select

from crm_app.accounts.models import User
from crm_app.accounts.rights import Place, Verb, allowed
from crm_app.accounts.services import change_office
from crm_app.contacts.fields import ContactDraft, PhoneDraft
from crm_app.contacts.journal_fields import CONTACT
from crm_app.contacts.services import update_contact
from crm_app.demo import make_contact, make_lead
from crm_app.errors import ConflictError, InvalidInputError
from crm_app.extensions import db
from crm_app.journal.models import JournalEntry
from crm_app.leads import services, stages
from crm_app.leads.fields import LeadDraft
from crm_app.leads.models import Lead, LeadStage, StageKind
from crm_app.records.bin import put_in_bin, restore
from crm_app.records.versions import for_update_at
from tests.leads.pipeline import lose, named, win


def journal_of(lead: Lead) -> list[tuple[str, dict]]:
    entries = db.session.scalars(JournalEntry.of("lead", lead.id))
    return [(entry.action, entry.shown) for entry in entries]


def test_it_lays_the_default_pipeline_once(app):
    services.ensure_stages()
    services.ensure_stages()
    names = [stage.name for stage in db.session.scalars(stages.in_order())]
    assert names == ["New", "Contacted", "Proposal", "Won", "Lost"]


def test_it_lays_only_the_kinds_that_are_missing(app):
    db.session.add(LeadStage(name="Talking", kind=StageKind.OPEN, position=1))
    db.session.flush()
    services.ensure_stages()
    found = [(stage.name, stage.kind) for stage in db.session.scalars(stages.in_order())]
    assert found == [("Talking", "open"), ("Won", "won"), ("Lost", "lost")]


def test_it_makes_a_lead_in_the_first_stage_for_who_made_it(bob):
    contact = make_contact("João Silva", phones=("912345678",))
    lead = services.create_lead(
        LeadDraft(title=" Roof ", contact_id=contact.id, source="Phone"), bob
    )
    db.session.commit()
    assert (lead.title, lead.stage.name, lead.responsible, lead.source) == (
        "Roof", "New", bob, "Phone",
    )  # fmt: skip
    assert journal_of(lead) == [("created", {})]


def test_it_lets_the_house_make_a_lead_for_nobody(app):
    lead = services.create_lead(LeadDraft(title="From the web"), None)
    assert lead.responsible is None


def test_it_is_not_committed_by_itself(bob):
    services.create_lead(LeadDraft(title="Roof"), bob)
    db.session.rollback()
    assert db.session.scalars(select(Lead)).all() == []


def test_it_writes_each_change_with_names_into_the_journal(bob):
    lead = make_lead("Roof", responsible_id=bob.id)
    changed = services.update_lead(lead, LeadDraft(title="New roof", value_cents=123456), bob)
    assert changed
    assert journal_of(lead)[0] == (
        "changed",
        {"title": ["Roof", "New roof"], "value": [None, [123456, "EUR"]]},
    )
    assert lead.version == 2


def test_it_leaves_no_trace_when_nothing_changed(bob):
    lead = make_lead("Roof")
    assert not services.update_lead(lead, LeadDraft(title="Roof"), bob)
    assert (lead.version, journal_of(lead)) == (1, [])


@time_machine.travel("2026-03-02 10:00:00Z", tick=False)
def test_it_remembers_when_a_sale_was_made(bob):
    lead = make_lead("Roof")
    win(lead, bob)
    assert lead.stage.kind == StageKind.WON
    assert lead.closed_at.isoformat() == "2026-03-02T10:00:00+00:00"


def test_it_opens_a_closed_lead_again(bob):
    lead = make_lead("Roof")
    lose(lead, "Too expensive", bob)
    services.move_to(lead, named("New"), bob)
    assert (lead.closed_at, lead.lost_reason, lead.is_open) == (None, "", True)


@pytest.mark.parametrize("reason", ["", "   "])
def test_it_asks_why_a_sale_was_lost(bob, reason):
    lead = make_lead("Roof")
    with pytest.raises(InvalidInputError) as refused:
        lose(lead, reason, bob)
    assert (refused.value.code, refused.value.field) == ("required", "lost_reason")
    assert lead.is_open


def test_it_finds_the_open_leads_of_contacts_newest_first(bob):
    one, two, other = (make_contact(name) for name in ("One", "Two", "Other"))
    first = make_lead("First", contact_id=one.id)
    second = make_lead("Second", contact_id=two.id)
    make_lead("Elsewhere", contact_id=other.id)
    put_in_bin(make_lead("Binned", contact_id=one.id), bob)
    win(make_lead("Won", contact_id=one.id), bob)
    assert services.open_leads([one.id, two.id]) == [second, first]
    assert services.open_leads([]) == []


def test_it_goes_to_the_bin_and_back(bob):
    lead = make_lead("Roof", responsible_id=bob.id)
    put_in_bin(lead, bob)
    put_in_bin(lead, bob)
    db.session.flush()
    assert db.session.scalars(allowed(bob, Lead, Verb.VIEW)).all() == []
    assert db.session.scalars(allowed(bob, Lead, Verb.VIEW, Place.BIN)).all() == [lead]
    restore(lead, bob)
    assert db.session.scalars(allowed(bob, Lead, Verb.VIEW)).all() == [lead]
    assert [action for action, _ in journal_of(lead)] == ["restored", "deleted"]


def test_it_shows_an_agent_only_own_leads_where_the_office_says_so(alice, bob, carol, dora):
    mine = make_lead("Mine", responsible_id=bob.id)
    make_lead("Hers", responsible_id=carol.id)
    make_lead("Nobody's")

    def seen_by(user: User) -> int:
        return len(db.session.scalars(allowed(user, Lead, Verb.VIEW)).all())

    assert (seen_by(bob), seen_by(dora)) == (3, 3)
    change_office("", restricts_agents=True, by=alice)
    assert db.session.scalars(allowed(bob, Lead, Verb.VIEW)).all() == [mine]
    assert (seen_by(dora), seen_by(alice)) == (3, 3)
    contact = make_contact("João")
    make_lead("Not his", contact_id=contact.id, responsible_id=carol.id)
    assert services.open_leads([contact.id], bob) == []


def test_it_refuses_a_version_that_is_no_longer_the_newest(bob):
    lead = make_lead("Roof")
    services.update_lead(lead, LeadDraft(title="New roof"), bob)
    db.session.commit()
    with pytest.raises(ConflictError):
        for_update_at(lead, 1)
    for_update_at(lead, 2)


def test_it_is_found_by_what_its_contact_is_found_by(bob):
    contact = make_contact("João Silva", phones=("912345678",))
    lead = services.create_lead(LeadDraft(title="Telhado novo", contact_id=contact.id), bob)
    assert "telhado novo" in lead.search_text
    assert "joao silva" in lead.search_text
    assert "912345678" in lead.search_text


def test_it_follows_its_contact_to_another_name_without_looking_changed(bob):
    contact = make_contact("João Silva", phones=("912345678",))
    with time_machine.travel("2026-03-02 10:00:00Z", tick=False):
        lead = services.create_lead(LeadDraft(title="Roof", contact_id=contact.id), bob)
        db.session.commit()
        changed_at = lead.updated_at
    draft = ContactDraft(name="Joana Costa", phones=[PhoneDraft("+351961234567")])
    update_contact(contact, draft, bob)
    db.session.commit()
    db.session.refresh(lead)
    assert "joana costa" in lead.search_text
    assert "961234567" in lead.search_text
    assert "joao" not in lead.search_text
    assert lead.updated_at == changed_at
    assert CONTACT.begin(contact).before["name"]["value"] == "Joana Costa"
