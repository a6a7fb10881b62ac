"""A caller whom nobody knows becomes a client: what, whose, when, and never twice."""

import json
from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.fold.facts import FactKind
from crm_app.calls.models import Call
from crm_app.contacts import services as contacts
from crm_app.contacts.fields import ContactDraft
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.jobs.models import Job
from crm_app.jobs.runner import Runner
from crm_app.leads.models import Lead, StageKind
from crm_app.leads.services import first_stage, move_to
from crm_app.records.bin import put_in_bin
from crm_app.serving.jobs import KINDS
from crm_app.telephony import services
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.new_clients import ignore_list
from crm_app.telephony.new_clients.models import NewClient
from tests.callbacks.ended_calls import ANNA, STRANGER, call, listed, say
from tests.owed import perform

SignIn = Callable[[User], FlaskClient]


def switch_on(when: str = "always", makes: str = "both") -> None:
    """Let new clients be made of calls since an hour ago."""
    services.set_switches({"new_client": when, "new_client_makes": makes})
    settings = TelephonySettings.for_change()
    since = (clock.now() - timedelta(hours=1)).isoformat()
    settings.switched_on_json = json.dumps({"new_client": since})
    db.session.commit()


def made() -> tuple[list[Contact], list[Lead]]:
    """Perform what follows from the calls, and list all contacts and leads."""
    perform("new_client")
    everybody = db.session.scalars(select(Contact).order_by(Contact.id)).all()
    return list(everybody), list(db.session.scalars(select(Lead).order_by(Lead.id)))


def test_it_makes_nothing_while_the_switch_is_off(responsible: User) -> None:
    call("a", STRANGER, answered=True)
    assert made() == ([], [])


def test_an_answered_call_makes_a_contact_and_a_lead_of_the_one_who_talked(
    responsible: User, dora: User
) -> None:
    switch_on("answered")
    talk = call("a", STRANGER, answered=True, extension="103")
    ((contact,), (lead,)) = made()
    assert (contact.name, contact.numbers) == ("+351 910 000 042", [STRANGER])
    assert (contact.responsible_id, lead.responsible_id) == (dora.id, dora.id)
    assert lead.title == "Enquiry by phone – +351 910 000 042"
    assert (lead.source, lead.about) == ("Incoming call", "Line 21 000 0001")
    assert lead.contact_id == contact.id
    db.session.refresh(talk)
    assert (talk.contact_id, talk.lead_id, talk.contact_is_chosen) == (contact.id, lead.id, False)
    assert talk.responsible_id == dora.id


@pytest.mark.parametrize(
    ("makes", "counts"), [("contact", (1, 0)), ("lead", (0, 1)), ("both", (1, 1))]
)
def test_it_makes_what_the_switch_says(
    responsible: User, makes: str, counts: tuple[int, int]
) -> None:
    switch_on(makes=makes)
    call("a", STRANGER, answered=True)
    call("b", STRANGER, answered=True)
    everybody, leads = made()
    assert (len(everybody), len(leads)) == counts


@pytest.mark.parametrize(("when", "count"), [("answered", 0), ("always", 1)])
def test_a_missed_call_makes_a_client_only_where_all_calls_do(
    responsible: User, when: str, count: int
) -> None:
    switch_on(when)
    call("a", STRANGER)
    everybody, leads = made()
    assert (len(everybody), len(leads)) == (count, count)
    assert all(one.responsible_id == responsible.id for one in [*everybody, *leads])


def test_a_call_that_looked_missed_and_was_a_talk_makes_a_client(responsible: User) -> None:
    switch_on("answered")
    now = clock.now() - timedelta(minutes=5)
    say(FactKind.STARTED, "in_a", now, caller=STRANGER)
    say(FactKind.SWEPT, "in_a", now + timedelta(minutes=3), disposition_raw="silent")
    assert made() == ([], [])
    say(FactKind.ANSWERED, "in_a", now + timedelta(minutes=4), caller=STRANGER, extension="101")
    assert [len(found) for found in made()] == [1, 1]


@pytest.mark.parametrize("out", [True, False])
def test_only_incoming_calls_make_clients(responsible: User, out: bool) -> None:
    switch_on()
    call("a", STRANGER, answered=True, out=out)
    assert len(made()[0]) == (0 if out else 1)


def test_calls_from_before_the_switch_was_turned_on_make_none(responsible: User) -> None:
    services.set_switches({"new_client": "always"})
    db.session.commit()
    call("a", STRANGER, answered=True)
    assert made() == ([], [])


@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize(("origin", "count"), [("history", 0), ("", 1)])
def test_calls_that_only_history_brought_make_none(
    responsible: User, origin: str, count: int, answered: bool
) -> None:
    switch_on()
    listed(STRANGER, origin, answered=answered)
    assert [len(found) for found in made()] == [count, count]


@pytest.mark.parametrize("number", ["", "100", "105", "+351800123456", "+351930000001", ANNA])
def test_own_hidden_ignored_and_known_numbers_make_none(
    responsible: User, alice: User, number: str
) -> None:
    switch_on()
    make_contact("Anna Known", phones=(ANNA,))
    ignore_list.add("800*", "services", "PT", alice)
    TelephonySettings.for_change().extensions_json = '["105"]'
    alice.mobile = "+351930000001"
    db.session.commit()
    call("a", number, answered=True)
    everybody, leads = made()
    assert [contact.name for contact in everybody] == ["Anna Known"]
    assert leads == []


def test_whom_somebody_has_deleted_is_not_made_again(responsible: User) -> None:
    switch_on()
    call("a", STRANGER, answered=True)
    ((contact,), _leads) = made()
    put_in_bin(contact, responsible)
    db.session.commit()
    call("b", STRANGER, answered=True)
    assert len(made()[0]) == 1


def test_a_lead_without_contact_is_found_by_its_number(
    responsible: User, client_of: SignIn
) -> None:
    switch_on(makes="lead")
    call("a", STRANGER, answered=True)
    (_, (lead,)) = made()
    assert (lead.contact_id, lead.number) == (None, STRANGER)
    second = call("b", STRANGER, answered=True)
    assert len(made()[1]) == 1
    db.session.refresh(second)
    assert second.lead_id == lead.id
    browser = client_of(responsible)
    assert lead.title in browser.get("/search?q=910000042").text
    page = browser.get(f"/leads/{lead.id}").text
    assert f'data-call-number="{STRANGER}"' in page
    calls = browser.get(f"/calls/for-lead/{lead.id}", headers={"HX-Request": "true"}).text
    assert calls.count("/calls/") == 2


@pytest.mark.parametrize("kind", [StageKind.LOST, StageKind.WON])
@pytest.mark.parametrize("makes", ["lead", "both"])
def test_who_calls_again_after_a_lead_was_closed_gets_a_new_one(
    responsible: User, client_of: SignIn, makes: str, kind: StageKind
) -> None:
    switch_on(makes="lead")
    first = call("a", STRANGER, answered=True)
    (_, (lead,)) = made()
    move_to(lead, first_stage(kind), responsible, lost_reason="Too dear")
    db.session.commit()
    services.set_switches({"new_client_makes": makes})
    db.session.commit()
    second = call("b", STRANGER, answered=True)
    (people, (_, new)) = made()
    for one in (first, second):
        db.session.refresh(one)
    assert (first.lead_id, second.lead_id, new.is_open) == (lead.id, new.id, True)
    # The old one goes along where the client becomes a contact.
    assert {lead.contact_id, new.contact_id} == {people[0].id if people else None}
    assert client_of(responsible).get(f"/calls/{second.id}").status_code == 200


def test_who_gets_the_number_of_a_lead_gets_the_lead(responsible: User) -> None:
    switch_on(makes="lead")
    call("a", STRANGER, answered=True)
    (_, (lead,)) = made()
    maria = make_contact("Maria López", phones=(STRANGER,))
    db.session.refresh(lead)
    assert (lead.contact_id, lead.title) == (maria.id, "Enquiry by phone – Maria López")


def test_a_name_that_somebody_types_stands_in_the_lead_too(responsible: User) -> None:
    switch_on()
    call("a", STRANGER, answered=True)
    ((contact,), (lead,)) = made()
    assert not contact.is_named
    contacts.update_contact(contact, ContactDraft(name="Maria López"), responsible)
    db.session.commit()
    assert contact.is_named
    assert lead.title == "Enquiry by phone – Maria López"


def test_the_card_of_a_client_without_a_name_asks_for_it(
    responsible: User, client_of: SignIn
) -> None:
    switch_on("answered")
    now = clock.now()
    say(FactKind.STARTED, "in_a", now, caller=STRANGER, did="+351210000001")
    talk = say(FactKind.ANSWERED, "in_a", now, caller=STRANGER, extension="101")
    ((contact,), (lead,)) = made()
    browser = client_of(responsible)
    tray = browser.get("/calls/tray", headers={"HX-Request": "true"}).text
    assert "Enter a name" in tray
    assert f"/leads/{lead.id}" in tray
    data = {"name": "Maria López", "only_name": "1"}
    browser.post(f"/calls/{talk.id}/new-lead", data=data)
    db.session.expire_all()
    assert (contact.name, lead.title) == ("Maria López", "Enquiry by phone – Maria López")
    assert len(made()[1]) == 1
    tray = browser.get("/calls/tray", headers={"HX-Request": "true"}).text
    assert "Enter a name" not in tray
    assert "Maria López" in tray
    assert "Maria López" in browser.get("/calls").text


def test_who_turns_out_to_be_a_contact_takes_calls_and_leads_of_the_number(
    responsible: User, client_of: SignIn
) -> None:
    switch_on()
    first = call("a", STRANGER, answered=True)
    ((number,), (lead,)) = made()
    second = call("b", STRANGER, answered=True)
    anna = make_contact("Anna Known", phones=(ANNA,), responsible=responsible)
    data = {"contact_id": str(anna.id), "keeps_number": "1"}
    client_of(responsible).post(f"/calls/{second.id}/attach", data=data)
    db.session.expire_all()
    assert [one.contact_id for one in (first, second)] == [anna.id, anna.id]
    assert lead.contact_id == anna.id
    assert number.is_in_bin
    assert STRANGER in anna.numbers


def test_fifty_workers_and_calls_at_once_make_one_client(app: Flask, responsible: User) -> None:
    switch_on()
    for count in range(50):
        call(f"n{count}", STRANGER, answered=True)
    start, problems = Barrier(50), []

    def work() -> None:
        with app.app_context():
            runner = Runner([kind for kind in KINDS if kind.name == "new_client"])
            start.wait(30)
            try:
                runner.work(lambda: False)
            except Exception as error:
                problems.append(error)
            finally:
                db.session.remove()

    db.session.commit()
    threads = [Thread(target=work) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert problems == []
    db.session.rollback()
    assert not db.session.scalars(select(Job.last_error).where(Job.last_error != "")).all()
    assert len(db.session.scalars(select(Contact)).all()) == 1
    assert len(db.session.scalars(select(Lead)).all()) == 1
    assert len(db.session.scalars(select(NewClient)).all()) == 1


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("800 123 456", ("+351800123456", False)),
        ("800*", ("+351800", True)),
        ("+44 20*", ("+4420", True)),
        ("0044 20…", ("+4420", True)),
    ],
)
def test_a_number_or_its_beginning_is_read_as_people_type_it(
    app: Flask, typed: str, stored: tuple[str, bool]
) -> None:
    assert ignore_list.read(typed, "PT") == stored


@pytest.mark.parametrize(
    ("typed", "code"),
    [("", "required"), ("abc", "number_not_a_number"), ("*", "prefix_too_short")],
)
def test_what_is_no_number_is_not_ignored(app: Flask, alice: User, typed: str, code: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        ignore_list.add(typed, "", "PT", alice)
    assert (caught.value.code, caught.value.field) == (code, "number")


def test_administrators_keep_the_list_of_numbers_to_ignore(
    alice: User, bob: User, client_of: SignIn
) -> None:
    browser = client_of(alice)
    assert "No number is ignored" in browser.get("/telephony/ignored-numbers").text
    data = {"number": "800*", "reason": "Suppliers"}
    page = browser.post("/telephony/ignored-numbers", data=data, follow_redirects=True).text
    assert 'data-ignored="+351800*"' in page
    assert "Suppliers" in page
    again = browser.post("/telephony/ignored-numbers", data=data)
    assert again.status_code == 422
    assert "on the list already" in again.text
    (row,) = ignore_list.everything()
    browser.post(f"/telephony/ignored-numbers/{row.id}/remove")
    assert list(ignore_list.everything()) == []
    assert client_of(bob).get("/telephony/ignored-numbers").status_code == 403


def test_nothing_is_made_of_a_call_that_somebody_said_something_about(
    responsible: User, client_of: SignIn
) -> None:
    switch_on()
    talk = call("a", STRANGER, answered=True)
    client_of(responsible).post(f"/calls/{talk.id}/attach", data={"contact_id": ""})
    assert db.session.get_one(Call, talk.id).contact_is_chosen
    assert made() == ([], [])
