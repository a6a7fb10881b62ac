"""When somebody says whom a call was with, call-backs follow: they close, move, come back."""

from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.callbacks import projection
from crm_app.callbacks import services as call_backs
from crm_app.callbacks.models import CallBackEvent
from crm_app.calls import services as calls
from crm_app.calls.fold.facts import Disposition, FactKind
from crm_app.calls.models import Call
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.jobs.models import Job
from crm_app.jobs.runner import Kind, Runner
from crm_app.telephony import call_back_rules
from tests.callbacks.ended_calls import ANNA, STRANGER, call, open_call_backs, say, who

BELA = "+351912000200"


@pytest.fixture(autouse=True)
def _in_an_office(office: Flask) -> None:
    """All of it happens in an office that calls back."""


@pytest.fixture
def anna(dora: User) -> Contact:
    """A client of Dora."""
    return make_contact("Anna", phones=(ANNA,), responsible=dora)


@pytest.fixture
def bela(bob: User) -> Contact:
    """A client of Bob."""
    return make_contact("Bela", phones=(BELA,), responsible=bob)


@pytest.fixture
def browser(bob: User, client_of: Callable[[User], FlaskClient]) -> FlaskClient:
    """Bob's browser."""
    return client_of(bob)


def attach(what: Call, contact: Contact | None, by: User) -> None:
    calls.attach_contact(what, contact, by)
    db.session.commit()


class TestTalk:
    """A talk with somebody who is to be called back."""

    @pytest.mark.parametrize("way", ["attach", "identify", "new-lead"])
    def test_it_closes_their_call_back_wherever_somebody_says_who_it_was(
        self, browser: FlaskClient, anna: Contact, bob: User, way: str
    ) -> None:
        call("a", ANNA)
        (row,) = open_call_backs()
        talk = call("b", STRANGER, answered=True)
        assert len(open_call_backs()) == 1
        if way == "new-lead":
            # A colleague has just given her the number.
            anna.phones.append(type(anna.phones[0])(number=STRANGER, kind="other", position=1))
            db.session.commit()
        data = {"contact_id": anna.id, "name": "Anna"}
        assert browser.post(f"/calls/{talk.id}/{way}", data=data).status_code in {200, 303}
        assert open_call_backs() == []
        assert row.done_by_id == bob.id

    def test_it_closes_it_while_they_still_talk(self, anna: Contact, bob: User) -> None:
        call("a", ANNA)
        now = clock.now() - timedelta(seconds=10)
        say(FactKind.STARTED, "in_b", now, caller=STRANGER)
        talk = say(FactKind.ANSWERED, "in_b", now, caller=STRANGER, extension="101")
        attach(talk, anna, bob)
        assert open_call_backs() == []

    def test_it_closes_it_when_it_was_said_before_anybody_answered(
        self, anna: Contact, bob: User
    ) -> None:
        call("a", ANNA)
        now = clock.now() - timedelta(seconds=10)
        rings = say(FactKind.STARTED, "in_b", now, caller="")
        attach(rings, anna, bob)
        assert who() == ["Anna"]
        say(FactKind.ANSWERED, "in_b", now, caller="", extension="101")
        assert open_call_backs() == []

    def test_it_closes_no_call_back_of_a_call_that_was_missed_since(
        self, anna: Contact, bob: User
    ) -> None:
        talk = call("a", STRANGER, answered=True)
        call("b", ANNA)
        attach(talk, anna, bob)
        assert who() == ["Anna"]

    def test_it_is_owed_in_the_transaction_that_says_who_it_was(
        self, anna: Contact, bob: User
    ) -> None:
        call("a", ANNA)
        talk = call("b", STRANGER, answered=True)
        open_call_backs()
        owed = db.session.scalar(select(func.count(Job.id)))
        calls.attach_contact(talk, anna, bob)
        db.session.rollback()
        assert db.session.scalar(select(func.count(Job.id))) == owed
        assert who() == ["Anna"]

    def test_another_choice_opens_the_call_back_again_and_closes_the_right_one(
        self, anna: Contact, bela: Contact, bob: User
    ) -> None:
        call("a", ANNA)
        call("b", BELA)
        assert len(open_call_backs()) == 2
        talk = call("c", STRANGER, answered=True)
        attach(talk, anna, bob)
        assert who() == ["Bela"]
        attach(talk, bela, bob)
        assert who() == ["Anna"]

    def test_with_nobody_we_know_it_opens_the_call_back_again(
        self, anna: Contact, bob: User
    ) -> None:
        call("a", ANNA)
        assert len(open_call_backs()) == 1
        talk = call("b", ANNA, answered=True)
        assert open_call_backs() == []
        attach(talk, None, bob)
        assert who() == ["Anna"]
        assert open_call_backs()[0].done_by_id is None

    def test_undo_opens_the_call_back_again(
        self, browser: FlaskClient, anna: Contact, bob: User
    ) -> None:
        call("a", ANNA)
        assert len(open_call_backs()) == 1
        talk = call("b", STRANGER, answered=True)
        page = browser.post(
            f"/calls/{talk.id}/attach", data={"contact_id": anna.id}, follow_redirects=True
        ).text
        assert open_call_backs() == []
        start = page.index(f"/calls/{talk.id}/attach?undo=")
        browser.post(page[start : page.index('"', start)])
        assert who() == ["Anna"]

    def test_the_number_decides_again_and_closes_the_call_back_again(
        self, anna: Contact, bob: User
    ) -> None:
        call("a", ANNA)
        assert len(open_call_backs()) == 1
        talk = call("b", ANNA, answered=True)
        attach(talk, None, bob)
        assert who() == ["Anna"]
        calls.match_contact(talk, bob)
        db.session.commit()
        assert open_call_backs() == []

    def test_the_call_back_stays_closed_when_there_was_another_talk(
        self, anna: Contact, bob: User
    ) -> None:
        call("a", ANNA)
        assert len(open_call_backs()) == 1
        talk = call("b", STRANGER, answered=True)
        attach(talk, anna, bob)
        assert open_call_backs() == []
        other = call("c", ANNA, answered=True)
        attach(talk, None, bob)
        assert open_call_backs() == []
        attach(other, None, bob)
        assert who() == ["Anna"]

    def test_one_from_a_shared_phone_does_not_close_the_call_back_of_a_colleague(
        self, responsible: User, anna: Contact, bela: Contact, bob: User
    ) -> None:
        missed_call = call("a", STRANGER)
        assert len(open_call_backs()) == 1
        talk = call("b", STRANGER, answered=True)
        assert open_call_backs() == []
        attach(missed_call, anna, bob)
        assert open_call_backs() == []
        attach(talk, bela, bob)
        assert who() == ["Anna"]

    def test_what_somebody_ticked_off_stays_done(self, anna: Contact, bob: User) -> None:
        call("a", ANNA)
        (row,) = open_call_backs()
        call_backs.done(row.id, "Wrote", bob)
        db.session.commit()
        talk = call("b", STRANGER, answered=True)
        attach(talk, anna, bob)
        attach(talk, None, bob)
        assert open_call_backs() == []

    def test_what_somebody_opened_again_stays_open(self, anna: Contact, bob: User) -> None:
        call("a", ANNA)
        (row,) = open_call_backs()
        talk = call("b", ANNA, answered=True)
        assert open_call_backs() == []
        call_backs.reopen(row.id, bob)
        db.session.commit()
        attach(talk, anna, bob)
        assert open_call_backs() == [row]

    def test_nobody_slips_through_who_says_it_while_a_worker_looks(
        self, app: Flask, anna: Contact, bob: User
    ) -> None:
        call("a", ANNA)
        assert who() == ["Anna"]
        talk = call("b", STRANGER, answered=True)
        ids = talk.id, anna.id, bob.id
        db.session.commit()

        def say_so() -> None:
            with app.app_context():
                found = [
                    db.session.get_one(*one) for one in zip((Call, Contact, User), ids, strict=True)
                ]
                attach(*found)
                db.session.remove()

        user = Thread(target=say_so)

        def look(payload: dict[str, Any]) -> None:
            projection.look_at(payload["call"], call_back_rules.current("Europe/Lisbon"))
            user.start()
            # It is over at once only if it did not wait for us.
            user.join(1)

        Runner([Kind("talked", look)]).work(lambda: user.ident is not None)
        user.join(30)
        assert open_call_backs() == []


class TestMissedCall:
    """A missed call of somebody who turns out to be a contact."""

    def test_its_call_back_becomes_the_contacts(
        self, browser: FlaskClient, responsible: User, anna: Contact, dora: User
    ) -> None:
        missed_call = call("a", STRANGER)
        (row,) = open_call_backs()
        browser.post(f"/calls/{missed_call.id}/attach", data={"contact_id": anna.id})
        assert open_call_backs() == [row]
        assert (row.contact_id, row.holder_id, row.number) == (anna.id, dora.id, STRANGER)

    def test_a_new_lead_makes_its_call_back_that_of_the_new_contact(
        self, browser: FlaskClient, responsible: User
    ) -> None:
        now = clock.now()
        rings = say(FactKind.STARTED, "in_a", now, caller=STRANGER)
        say(FactKind.RANG, "in_a", now, caller=STRANGER, extension="101")
        how = {"caller": STRANGER, "disposition": Disposition.CANCELLED}
        say(FactKind.ENDED, "in_a", now + timedelta(seconds=9), **how)
        assert who() == [STRANGER]
        assert browser.post(f"/calls/{rings.id}/new-lead", data={"name": "Eva"}).status_code < 400
        assert who() == ["Eva"]

    def test_it_leaves_the_pool_for_whose_client_it_is(
        self, anna: Contact, bob: User, dora: User
    ) -> None:
        missed_call = call("a", STRANGER)
        assert [row.holder_id for row in open_call_backs()] == [None]
        attach(missed_call, anna, bob)
        assert [row.holder_id for row in open_call_backs()] == [dora.id]

    def test_it_joins_the_open_call_back_of_the_contact(
        self, responsible: User, anna: Contact, bob: User
    ) -> None:
        call("a", ANNA)
        missed_call = call("b", STRANGER)
        assert who() == [STRANGER, "Anna"]
        attach(missed_call, anna, bob)
        assert who() == ["Anna"]
        call("c", ANNA, answered=True)
        assert open_call_backs() == []

    def test_its_call_back_is_done_when_somebody_has_talked_with_the_contact_since(
        self, responsible: User, anna: Contact, bob: User
    ) -> None:
        missed_call = call("a", STRANGER)
        call("b", ANNA, answered=True)
        (row,) = open_call_backs()
        attach(missed_call, anna, bob)
        assert open_call_backs() == []
        assert row.done_by_id == bob.id
        attach(missed_call, None, bob)
        assert who() == [STRANGER]

    def test_undo_gives_the_call_back_back_to_the_stranger(
        self, browser: FlaskClient, responsible: User, anna: Contact
    ) -> None:
        missed_call = call("a", STRANGER)
        page = browser.post(
            f"/calls/{missed_call.id}/attach", data={"contact_id": anna.id}, follow_redirects=True
        ).text
        assert who() == ["Anna"]
        start = page.index(f"/calls/{missed_call.id}/attach?undo=")
        browser.post(page[start : page.index('"', start)])
        (row,) = open_call_backs()
        assert (row.number, row.contact_id, row.holder_id) == (STRANGER, None, responsible.id)

    def test_with_nobody_we_know_it_waits_for_the_number_alone(
        self, anna: Contact, bob: User
    ) -> None:
        missed_call = call("a", ANNA)
        assert who() == ["Anna"]
        attach(missed_call, None, bob)
        assert who() == [ANNA]
        attach(missed_call, anna, bob)
        assert who() == ["Anna"]

    def test_two_from_a_shared_phone_make_a_call_back_for_each_contact(
        self, responsible: User, anna: Contact, bela: Contact, bob: User
    ) -> None:
        first, second = call("a", STRANGER), call("b", STRANGER)
        assert who() == [STRANGER]
        attach(first, anna, bob)
        attach(second, bela, bob)
        assert who() == ["Anna", "Bela"]

    def test_a_hidden_one_is_called_back_when_it_is_known_who_it_was(
        self, responsible: User, anna: Contact, bob: User
    ) -> None:
        missed_call = call("a", "")
        assert open_call_backs() == []
        attach(missed_call, anna, bob)
        assert who() == ["Anna"]
        attach(missed_call, None, bob)
        assert open_call_backs() == []

    def test_what_somebody_wrote_and_who_took_it_stays(self, anna: Contact, bob: User) -> None:
        missed_call = call("a", STRANGER)
        (row,) = open_call_backs()
        call_backs.add_note(row.id, "The lady with the dog", bob)
        call_backs.take(row.id, bob)
        db.session.commit()
        attach(missed_call, anna, bob)
        assert who() == ["Anna"]
        (same,) = open_call_backs()
        assert (same.id, same.holder_id) == (row.id, bob.id)
        texts = db.session.scalars(select(CallBackEvent.text).where(CallBackEvent.text != ""))
        assert list(texts) == ["The lady with the dog"]

    def test_one_that_somebody_is_done_with_comes_back_for_no_contact(
        self, anna: Contact, bob: User
    ) -> None:
        missed_call = call("a", STRANGER)
        (row,) = open_call_backs()
        call_backs.done(row.id, "Wrote", bob)
        db.session.commit()
        attach(missed_call, anna, bob)
        assert open_call_backs() == []

    def test_saying_it_twice_changes_nothing(self, anna: Contact, bob: User) -> None:
        missed_call = call("a", STRANGER)
        attach(missed_call, anna, bob)
        (row,) = open_call_backs()
        events = select(func.count(CallBackEvent.id))
        before = db.session.scalar(events)
        attach(missed_call, anna, bob)
        assert open_call_backs() == [row]
        assert db.session.scalar(events) == before

    def test_one_whose_end_was_never_heard_is_called_back_too(
        self, responsible: User, anna: Contact
    ) -> None:
        call("a", ANNA)
        now = clock.now()
        say(FactKind.STARTED, "in_b", now, caller=STRANGER)
        say(FactKind.SWEPT, "in_b", now)
        assert who() == [STRANGER, "Anna"]
