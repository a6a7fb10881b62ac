"""Leads that have only a number on call lists: who gets them, and whose they become."""

from collections.abc import Callable

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.accounts.services import change_office
from crm_app.call_lists import services
from crm_app.call_lists.models import CallList, CallListEntry, EntryState
from crm_app.calls.models import Call, CallWrapup
from crm_app.contacts import services as contacts
from crm_app.contacts.fields import ContactDraft, PhoneDraft
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact, make_lead, make_user
from crm_app.extensions import db
from crm_app.journal.models import Note
from crm_app.leads.fields import LeadDraft
from crm_app.leads.models import Lead
from crm_app.leads.services import update_lead
from crm_app.records.bin import put_in_bin
from crm_app.records.purge import purge
from crm_app.tasks.models import Task
from tests.call_lists.test_call_lists import (
    ask_at_once,
    entry_of,
    make,
    save,
    take,
    talk_with,
    whom,
)
from tests.questions import questions

ClientOf = Callable[[User], FlaskClient]
# One phone, with and without the ninth digit.
PHONE, PHONE_BEFORE = "+5511987654321", "+551187654321"
OTHER = "+351912000777"


@pytest.fixture
def enquiry(app: Flask, bob: User) -> Lead:
    """A lead that came as a number, and nothing else."""
    return make_lead("Enquiry", number=PHONE, responsible=bob)


def begin(browser: FlaskClient) -> int:
    """Make a list of the leads and take the first one."""
    list_id = make(browser, "leads", "sort=oldest")
    take(browser, list_id)
    return list_id


def held(list_id: int) -> list[str]:
    """How those are called who are with somebody now, in the order of the list."""
    db.session.rollback()
    entries = db.session.scalars(
        select(CallListEntry)
        .where(CallListEntry.list_id == list_id, CallListEntry.state == EntryState.HELD)
        .order_by(CallListEntry.position)
    )
    return [entry.name for entry in entries]


def client_name(list_id: int, user: User) -> str:
    return entry_of(list_id, user).name


def restrict(by: User) -> None:
    change_office("Ramal", restricts_agents=True, by=by)
    db.session.commit()


def with_number(name: str, bob: User) -> Contact:
    """Make a contact who gets the number, and by it the lead."""
    draft = ContactDraft(name=name, responsible_id=bob.id, phones=[PhoneDraft(PHONE)])
    contact = contacts.create_contact(draft, bob)
    db.session.commit()
    return contact


def by_hand(name: str, bob: User) -> Contact:
    """Make a contact with another number, and choose it for the lead."""
    contact = make_contact(name, phones=(OTHER,), responsible=bob)
    lead = db.session.scalars(select(Lead).where(Lead.number == PHONE)).one()
    update_lead(lead, LeadDraft(contact_id=contact.id), bob)
    db.session.commit()
    return contact


WAYS = pytest.mark.parametrize("gets_contact", [with_number, by_hand])
GetsContact = Callable[[str, User], Contact]


def test_it_is_counted_and_put_on_the_list(enquiry: Lead, bob: User, client_of: ClientOf) -> None:
    make_lead("Neither", responsible=bob)
    make_lead("Roof", contact=make_contact("Ana", phones=(OTHER,)), responsible=bob)
    make_lead("Door", contact=make_contact("Dina", phones=(OTHER,), do_not_call=True))
    browser = client_of(bob)
    page = browser.get("/call-lists/new?of=leads").text
    assert "2 can be called." in page
    assert "1 has no number and is left out." in page
    assert "1 asked not to be called." in page
    assert "no contact" not in page
    list_id = make(browser, "leads", "sort=oldest")
    entries = db.session.scalars(select(CallListEntry).order_by(CallListEntry.position)).all()
    assert [entry.name for entry in entries] == ["Enquiry", "Ana"]
    assert "0 of 2" in browser.get(f"/call-lists/{list_id}").text


def test_its_page_shows_the_lead_and_calls_its_number(
    enquiry: Lead, bob: User, client_of: ClientOf
) -> None:
    lead_id, stage, browser = enquiry.id, enquiry.stage.name, client_of(bob)
    list_id = begin(browser)
    page = browser.get(f"/call-lists/{list_id}").text
    entry = page[page.index("data-call-list-entry") : page.index("wrapup")]
    assert "Enquiry" in entry
    assert f'href="/leads/{lead_id}"' in entry
    assert stage in entry
    assert f'data-call-number="{PHONE}"' in entry
    assert f'name="lead_id" value="{lead_id}"' in entry
    assert f'hx-get="/calls/for-lead/{lead_id}"' in page
    assert "Call Enquiry" in page


def test_without_a_call_note_and_task_are_the_leads(
    enquiry: Lead, bob: User, client_of: ClientOf
) -> None:
    lead_id, browser = enquiry.id, client_of(bob)
    list_id = begin(browser)
    entry_id = entry_of(list_id, bob).id
    assert save(browser, list_id, entry_id) == 422
    assert save(browser, list_id, entry_id, note="Rings off", chip="hour") == 303
    note = db.session.scalars(select(Note)).one()
    assert (note.record_type, note.record_id, note.text) == ("lead", lead_id, "Rings off")
    task = db.session.scalars(select(Task)).one()
    assert (task.title, task.contact_id, task.lead_id) == ("Call Enquiry", None, lead_id)
    page = browser.get(f"/call-lists/{list_id}").text
    assert "Rings off" in page
    assert "Call Enquiry again later" in page


def test_with_a_call_to_the_number_in_any_form_it_is_the_write_up_of_that_call(
    enquiry: Lead, bob: User, client_of: ClientOf
) -> None:
    lead_id, browser = enquiry.id, client_of(bob)
    list_id = begin(browser)
    entry_id = entry_of(list_id, bob).id
    talk_with(OTHER)
    assert services.call_of(entry_of(list_id, bob), bob) is None
    with time_machine.travel(clock.now(), tick=False):
        talk_with(PHONE_BEFORE, ended=False)
        assert save(browser, list_id, entry_id, outcome="interested") == 422
        talk_with(PHONE_BEFORE)
    call = services.call_of(entry_of(list_id, bob), bob)
    assert call is not None
    assert f"/calls/{call.id}" in browser.get(f"/calls/for-lead/{lead_id}").text
    typed = {"outcome": "interested", "note": "Likes it", "chip": "tomorrow"}
    assert save(browser, list_id, entry_id, **typed) == 303
    row = db.session.scalars(select(CallWrapup).where(CallWrapup.saved_at.is_not(None))).one()
    assert (row.call_id, row.outcome, row.note) == (call.id, "interested", "Likes it")
    # Who dialled on the phone itself did not say for which lead.
    assert db.session.get_one(Call, row.call_id).lead_id == lead_id
    task = db.session.scalars(select(Task)).one()
    assert (task.contact_id, task.lead_id) == (None, lead_id)
    assert db.session.get_one(CallListEntry, entry_id).call_id == row.call_id
    assert db.session.scalars(select(Note)).all() == []


@WAYS
def test_a_lead_that_gets_a_contact_goes_on_as_that_contacts(
    enquiry: Lead, bob: User, client_of: ClientOf, gets_contact: GetsContact
) -> None:
    lead_id, browser = enquiry.id, client_of(bob)
    list_id = begin(browser)
    contact = gets_contact("Ana", bob)
    assert client_name(list_id, bob) == "Ana"
    page = browser.get(f"/call-lists/{list_id}").text
    own = PHONE if gets_contact is with_number else OTHER
    assert f'data-call-number="{own}"' in page
    assert f'hx-get="/calls/for-contact/{contact.id}"' in page
    entry_id = entry_of(list_id, bob).id
    assert save(browser, list_id, entry_id, note="Moved away", chip="hour") == 303
    note = db.session.scalars(select(Note)).one()
    assert (note.record_type, note.record_id) == ("lead", lead_id)
    task = db.session.scalars(select(Task)).one()
    assert (task.title, task.contact_id, task.lead_id) == ("Call Ana", contact.id, lead_id)
    assert "Call Ana again later" in browser.get(f"/call-lists/{list_id}").text


@WAYS
@pytest.mark.parametrize("number", [PHONE_BEFORE, OTHER])
def test_a_call_from_before_or_after_it_got_the_contact_is_the_one_that_is_written_up(
    enquiry: Lead, bob: User, client_of: ClientOf, gets_contact: GetsContact, number: str
) -> None:
    browser = client_of(bob)
    list_id = begin(browser)
    if number == PHONE_BEFORE:
        talk_with(number)
    contact = gets_contact("Ana", bob)
    if number == OTHER:
        contacts.add_phone(contact, OTHER, "other", bob)
        db.session.commit()
        talk_with(number)
    assert save(browser, list_id, entry_of(list_id, bob).id, outcome="interested") == 303
    row = db.session.scalars(select(CallWrapup)).one()
    assert (row.outcome, row.call.outside_number) == ("interested", number)


@WAYS
def test_who_turns_out_to_have_asked_not_to_be_called_is_not_given_out(
    enquiry: Lead, bob: User, client_of: ClientOf, gets_contact: GetsContact
) -> None:
    list_id = make(client_of(bob), "leads")
    contact = gets_contact("Ana", bob)
    contact.do_not_call = True
    db.session.commit()
    take(client_of(bob), list_id)
    assert held(list_id) == []
    assert "1 cannot be called now" in client_of(bob).get(f"/call-lists/{list_id}").text


def test_a_contact_that_is_purged_leaves_the_number(
    enquiry: Lead, bob: User, client_of: ClientOf
) -> None:
    browser = client_of(bob)
    list_id = begin(browser)
    contact = by_hand("Ana", bob)
    put_in_bin(contact, bob)
    db.session.commit()
    assert "data-call-list-entry" not in browser.get(f"/call-lists/{list_id}").text
    purge(contact)
    db.session.commit()
    assert client_name(list_id, bob) == "Enquiry"


def test_a_lead_in_the_bin_is_worked_on_no_more_and_comes_back_with_it(
    enquiry: Lead, bob: User, client_of: ClientOf
) -> None:
    make_lead("Later", number=OTHER, responsible=bob)
    browser = client_of(bob)
    list_id = begin(browser)
    entry_id = entry_of(list_id, bob).id
    put_in_bin(enquiry, bob)
    db.session.commit()
    page = browser.get(f"/call-lists/{list_id}").text
    assert "data-call-list-entry" not in page
    assert "Next to call" in page
    assert save(browser, list_id, entry_id, outcome="done") == 404
    take(browser, list_id)
    assert client_name(list_id, bob) == "Later"
    assert held(list_id) == ["Later"]
    lead = db.session.get_one(Lead, db.session.get_one(CallListEntry, entry_id).lead_id)
    purge(lead)
    db.session.commit()
    assert db.session.get(CallListEntry, entry_id) is None


@pytest.mark.parametrize("has_contact", [False, True])
def test_a_lead_that_was_given_away_is_shown_to_and_worked_on_by_its_new_user(
    enquiry: Lead, bob: User, carol: User, client_of: ClientOf, has_contact: bool
) -> None:
    restrict(bob)
    browser = client_of(bob)
    list_id = begin(browser)
    assert client_name(list_id, bob) == "Enquiry"
    entry_id, contact = entry_of(list_id, bob).id, None
    if has_contact:
        contact = by_hand("Ana", bob)
    for record in filter(None, (db.session.get_one(Lead, enquiry.id), contact)):
        record.responsible_id = carol.id
    db.session.commit()
    page = browser.get(f"/call-lists/{list_id}").text
    assert "Enquiry" not in page
    assert "Ana" not in page
    assert save(browser, list_id, entry_id, outcome="done") == 404
    take(browser, list_id)
    assert held(list_id) == []
    take(client_of(carol), list_id)
    assert client_name(list_id, carol) == ("Ana" if has_contact else "Enquiry")


def test_progress_and_results_lose_no_lead_and_show_none_to_who_may_not_see_it(
    enquiry: Lead, bob: User, carol: User, dora: User, client_of: ClientOf
) -> None:
    make_lead("Second", number=OTHER, responsible=bob)
    list_id = begin(client_of(bob))
    save(client_of(bob), list_id, entry_of(list_id, bob).id, note="Likes it", then="next")
    assert client_name(list_id, bob) == "Second"
    page = client_of(dora).get(f"/call-lists/{list_id}").text
    for words in ("1 of 2", "Enquiry", "Likes it", f"{bob.name}: Second"):
        assert words in page
    restrict(bob)
    page = client_of(carol).get(f"/call-lists/{list_id}").text
    assert "1 of 2" in page
    for words in ("Enquiry", "Likes it", "Second"):
        assert words not in page


def test_nobody_else_is_given_the_number_in_any_form_of_lead_or_contact(
    app: Flask, bob: User, dora: User, client_of: ClientOf
) -> None:
    ana = make_contact("Ana", phones=(PHONE_BEFORE,))
    for title, more in (
        ("Enquiry", {"number": PHONE}),
        ("Again", {"number": PHONE_BEFORE}),
        ("Roof", {"contact": ana}),
        ("Door", {"number": OTHER}),
    ):
        make_lead(title, **more, responsible=bob)
    list_id = begin(client_of(bob))
    take(client_of(dora), list_id)
    assert held(list_id) == ["Enquiry", "Door"]
    assert "2 cannot be called now" in client_of(dora).get(f"/call-lists/{list_id}").text
    save(client_of(bob), list_id, entry_of(list_id, bob).id, outcome="done")
    # Nor the other way round.
    services.skip(entry_of(list_id, dora), dora)
    again = db.session.scalars(
        select(CallListEntry).join(Lead, Lead.id == CallListEntry.lead_id).where(
            Lead.title == "Again"
        )
    ).one()  # fmt: skip
    again.state = EntryState.SKIPPED
    db.session.commit()
    take(client_of(dora), list_id)
    services.bring_back(db.session.get_one(CallListEntry, again.id))
    db.session.commit()
    take(client_of(bob), list_id)
    assert held(list_id) == ["Ana"]


@WAYS
def test_nobody_else_is_given_a_contact_whom_a_colleague_has_by_the_lead(
    enquiry: Lead, bob: User, dora: User, client_of: ClientOf, gets_contact: GetsContact
) -> None:
    browser = client_of(bob)
    list_id = begin(browser)
    contact = gets_contact("Ana", bob)
    db.session.add(CallListEntry(list_id=list_id, position=9, contact_id=contact.id))
    db.session.commit()
    take(client_of(dora), list_id)
    assert held(list_id) == ["Ana"]
    save(browser, list_id, entry_of(list_id, bob).id, outcome="done")
    take(client_of(dora), list_id)
    assert whom(list_id, dora) == "Ana"


def test_nobody_is_given_a_number_with_which_the_office_talks(
    enquiry: Lead, bob: User, dora: User, client_of: ClientOf
) -> None:
    make_lead("Door", number=OTHER, responsible=bob)
    list_id = make(client_of(dora), "leads", "sort=oldest")
    talk_with(PHONE_BEFORE, ended=False)
    take(client_of(dora), list_id)
    assert held(list_id) == ["Door"]


def test_nobody_is_given_one_of_several_with_whose_number_the_office_talks(
    app: Flask, bob: User, dora: User, client_of: ClientOf
) -> None:
    for name in ("Ana", "Bela"):
        make_lead(name, contact=make_contact(name, phones=(PHONE,)), responsible=bob)
    list_id = make(client_of(dora), "leads", "sort=oldest")
    talk_with(PHONE_BEFORE, ended=False)
    take(client_of(dora), list_id)
    assert held(list_id) == []


def test_of_many_who_ask_at_once_no_two_get_the_same_number(app: Flask, bob: User) -> None:
    """Five clients, each there as a lead of either form of the number, and as a contact."""
    users = [make_user(f"User {place}").id for place in range(10)]
    call_list = CallList(name="Autumn", of="leads", created_by_id=bob.id)
    db.session.add(call_list)
    db.session.flush()
    list_id, position = call_list.id, 0
    for place in range(5):
        numbers = f"+55119876543{place:02}", f"+5511876543{place:02}"
        contact = make_contact(f"{place} as a contact", phones=(numbers[0],))
        leads = [make_lead(f"{place} as {number}", number=number) for number in numbers]
        for more in (*({"lead_id": lead.id} for lead in leads), {"contact_id": contact.id}):
            db.session.add(CallListEntry(list_id=list_id, position=position, **more))
            position += 1
    db.session.commit()
    got = ask_at_once(app, list_id, users)
    assert len(got) == len(users)
    names = held(list_id)
    assert len(names) == len([one for one in got if one is not None]) == 5
    assert {int(name[0]) for name in names} == set(range(5))


def test_an_entry_of_nobody_cannot_be_stored(app: Flask, bob: User) -> None:
    call_list = CallList(name="Autumn", of="leads", created_by_id=bob.id)
    db.session.add(call_list)
    db.session.flush()
    db.session.add(CallListEntry(list_id=call_list.id, position=1))
    with pytest.raises(IntegrityError, match="has_client"):
        db.session.flush()
    db.session.rollback()


def test_the_page_asks_the_same_however_many_numbers_are_on_it(
    enquiry: Lead, bob: User, dora: User, client_of: ClientOf
) -> None:
    make_lead("Second", number=OTHER, responsible=bob)
    list_id = begin(client_of(bob))

    def asked_for_the_page() -> int:
        client_of(dora).get(f"/call-lists/{list_id}")
        with questions() as asked:
            client_of(dora).get(f"/call-lists/{list_id}")
        db.session.rollback()
        return len(asked)

    def add_done(place: int) -> None:
        lead = make_lead(f"Lead {place}", number=f"+3519130000{place:02}")
        if place % 2:
            update_lead(lead, LeadDraft(contact_id=make_contact(f"C {place}").id), bob)
        entry = CallListEntry(list_id=list_id, position=place, lead_id=lead.id, note="Done")
        entry.holder_id = bob.id
        db.session.add(entry)
        services._settle(entry, bob, EntryState.DONE, services.WrittenUp())
        db.session.commit()

    add_done(1)
    few = asked_for_the_page()
    for place in range(2, 12):
        add_done(place)
    assert asked_for_the_page() == few
