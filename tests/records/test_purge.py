"""The purge: what was in the bin for too long is gone, and nothing of it is left behind."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select, text

from crm_app import clock
from crm_app.accounts.models import OfficeSettings, User
from crm_app.accounts.services import change_office
from crm_app.contacts.listing import find_contacts
from crm_app.contacts.models import Contact, ContactEmail, ContactKind, ContactPhone
from crm_app.demo import make_contact, make_lead, make_task
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.jobs.runner import NextStep
from crm_app.journal.models import JournalEntry, Note
from crm_app.journal.services import add_note
from crm_app.leads.models import Lead
from crm_app.records import purge
from crm_app.records.bin import put_in_bin, restore
from crm_app.records.registry import Noun
from crm_app.security.kinds import Kind
from crm_app.security.models import SecurityEvent
from tests.calls.popup_story import ANA, ring
from tests.records.conftest import Make
from tests.records.test_bin import ClientOf, address


def run() -> NextStep | None:
    """Perform the job as its runner does."""
    step = purge.purge_bin({})
    db.session.commit()
    db.session.expire_all()
    return step


def left(noun: Noun) -> list[str]:
    """The titles of the records that are still in the database."""
    return [noun.title_of(one) for one in db.session.scalars(select(noun.model))]


def bin_for(record: Any, days: float) -> None:
    """Put a record into the bin so many days ago."""
    with time_machine.travel(clock.now() - timedelta(days=days), tick=False):
        put_in_bin(record, None)
        db.session.commit()


def test_it_removes_what_is_in_the_bin_for_longer_than_the_office_keeps_it(
    app: Flask, noun: Noun, make: Make
) -> None:
    make("Open")
    for title, days in (("Too old", 90.1), ("Old", 89.9), ("New", 0)):
        bin_for(make(title), days)
    run()
    assert sorted(left(noun)) == ["New", "Old", "Open"]


def test_the_office_says_how_long_it_keeps_what_was_deleted(
    app: Flask, noun: Noun, make: Make, alice: User
) -> None:
    change_office("", restricts_agents=False, by=alice, bin_days=7)
    for title, days in (("Too old", 7.1), ("Old", 6.9)):
        bin_for(make(title), days)
    run()
    assert left(noun) == ["Old"]


def test_what_was_restored_in_time_stays(app: Flask, noun: Noun, make: Make) -> None:
    record = make("Back")
    bin_for(record, 100)
    restore(record, None)
    db.session.commit()
    run()
    assert left(noun) == ["Back"]


def test_its_notes_and_its_history_go_with_it_and_those_of_others_stay(
    app: Flask, noun: Noun, make: Make, bob: User
) -> None:
    gone, other = make("Gone"), make("Other")
    for record in (gone, other):
        add_note(noun.kind, record.id, "Call on Monday.", bob)
    put_in_bin(other, bob)
    gone_id = gone.id
    bin_for(gone, 100)
    run()
    for model in (Note, JournalEntry):
        assert not db.session.scalars(model.of(noun.kind, gone_id)).all()
        assert db.session.scalars(model.of(noun.kind, other.id)).all()


def test_its_id_is_never_given_to_another_record(app: Flask, noun: Noun, make: Make) -> None:
    make("First")
    newest = make("Newest").id
    bin_for(db.session.get_one(noun.model, newest), 91)
    run()
    assert left(noun) == ["First"]
    assert make("Next").id > newest


def test_its_address_is_gone(
    app: Flask, noun: Noun, make: Make, bob: User, client_of: ClientOf
) -> None:
    record, client = make("Gone"), client_of(bob)
    page = address(noun, "show", record)
    bin_for(record, 100)
    assert client.get(page).status_code == 200
    run()
    assert client.get(page).status_code == 404
    assert "Gone" not in client.get(address(noun, "bin")).text


def test_the_security_page_says_how_many_were_removed(
    app: Flask, noun: Noun, make: Make, alice: User, client_of: ClientOf
) -> None:
    run()
    assert not db.session.scalars(select(SecurityEvent)).all()
    for title in ("One", "Two"):
        bin_for(make(title), 100)
    run()
    (event,) = db.session.scalars(select(SecurityEvent)).all()
    assert (event.kind, event.detail) == (Kind.RECORDS_PURGED, f"{noun.kind}: 2")


def test_it_goes_on_in_steps(
    app: Flask, noun: Noun, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purge, "STEP", 2)
    for number in range(3):
        bin_for(make(f"Number {number}"), 100)
    assert run() == NextStep({})
    assert left(noun) == ["Number 2"]
    assert run() is None
    assert not left(noun)


def test_a_contact_takes_its_numbers_and_addresses_along_and_leaves_its_calls(
    app: Flask, bob: User
) -> None:
    ana = make_contact("Ana", phones=(ANA,), emails=("ana@example.com",), responsible=bob)
    lead = make_lead("Red roof", contact_id=ana.id)
    task = make_task("Call", contact_id=ana.id)
    call = ring("101")
    call.contact_is_chosen = True
    db.session.commit()
    assert call.responsible_id == bob.id
    bin_for(ana, 100)
    run()
    for model in (Contact, ContactPhone, ContactEmail):
        assert not db.session.scalar(select(func.count()).select_from(model))
    assert lead.contact_id is task.contact_id is call.contact_id is call.responsible_id is None
    assert not call.contact_is_chosen
    assert call.outside_number == ANA


def test_nobody_is_found_by_the_words_of_a_contact_that_is_gone(app: Flask, alice: User) -> None:
    house = make_contact("Zebra Lda", kind=ContactKind.COMPANY)
    ana = make_contact("Ana", company_id=house.id)
    lead = make_lead("Red roof", contact_id=house.id)
    assert "zebra" in ana.search_text
    changed = lead.updated_at
    bin_for(house, 100)
    run()
    assert find_contacts(alice, "zebra") == []
    assert "zebra" not in ana.search_text
    assert "zebra" not in lead.search_text
    assert lead.updated_at == changed
    if db.engine.dialect.name == "sqlite":
        rows = "SELECT count(*) FROM contact_search WHERE contact_search MATCH 'zebra'"
        assert not db.session.scalar(text(rows))


def test_a_lead_leaves_its_tasks(app: Flask) -> None:
    lead = make_lead("Red roof")
    task = make_task("Send the offer", lead_id=lead.id)
    bin_for(lead, 100)
    run()
    assert not db.session.scalar(select(func.count()).select_from(Lead))
    assert (task.title, task.lead_id) == ("Send the offer", None)


@pytest.mark.parametrize("days", [0, -1, 3651])
def test_it_refuses_a_number_of_days_that_makes_no_sense(
    app: Flask, alice: User, days: int
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        change_office("", restricts_agents=False, by=alice, bin_days=days)
    assert refused.value.field == "bin_days"


def test_an_administrator_sets_the_days_and_the_bin_names_them(
    app: Flask, alice: User, client_of: ClientOf
) -> None:
    client = client_of(alice)
    assert "after 90 days" in client.get("/leads/bin").text
    assert 'name="bin_days"' in client.get("/people/rights").text
    sent = {"name": "", "bin_days": "0", "second_factor_for": "nobody"}
    assert client.post("/people/rights", data=sent).status_code == 422
    assert client.post("/people/rights", data=sent | {"bin_days": "30"}).status_code == 303
    db.session.expire_all()
    assert OfficeSettings.current().bin_days == 30
    assert "after 30 days" in client.get("/leads/bin").text
