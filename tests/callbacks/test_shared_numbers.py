"""A number that changes hands while it waits: one call-back, with whoever has the number now."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import delete, func, select

from crm_app.accounts.models import User
from crm_app.callbacks import services as call_backs
from crm_app.callbacks.models import CallBack, CallBackMiss
from crm_app.calls import services as calls
from crm_app.calls.models import Call
from crm_app.contacts import services as contacts
from crm_app.contacts.fields import ContactDraft, PhoneDraft
from crm_app.contacts.models import Contact, NotThisPerson, PhoneKind
from crm_app.contacts.numbers import not_this_person
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.jobs.models import Job
from crm_app.journal import services as journal
from crm_app.records.bin import put_in_bin, restore
from crm_app.records.undo import undo_batch
from tests.callbacks.ended_calls import ANNA, STRANGER, call, miss_at_once, open_call_backs, who


@pytest.fixture(autouse=True)
def _in_an_office(office: Flask) -> None:
    """All of it happens in an office that calls back."""


@pytest.fixture
def ana() -> Contact:
    """She shares her number with Rui, whose call was missed from it."""
    return make_contact("Ana", phones=(STRANGER,))


@pytest.fixture
def rui(ana: Contact) -> Contact:
    """He has a number of his own, too."""
    rui = make_contact("Rui", phones=(STRANGER, ANNA))
    call("a", STRANGER)
    assert who() == [STRANGER]
    return rui


def has_only(contact: Contact, number: str, by: User) -> None:
    contacts.update_contact(contact, ContactDraft(phones=[PhoneDraft(number, is_main=True)]), by)


LOSES: dict[str, Callable[[Contact, User], None]] = {
    "it is deleted": lambda rui, by: has_only(rui, ANNA, by),
    "its contact goes to the bin": put_in_bin,
    "it is said not to be theirs": lambda rui, by: not_this_person.refuse(STRANGER, rui, by),
}
GETS_BACK: dict[str, Callable[[Contact, User], object]] = {
    "it is deleted": lambda rui, by: contacts.add_phone(rui, STRANGER, PhoneKind.MOBILE, by),
    "its contact goes to the bin": restore,
    "it is said not to be theirs": lambda rui, by: not_this_person.take_back(STRANGER, by, rui),
}


class TestSharedNumber:
    @pytest.mark.parametrize("way", LOSES)
    def test_it_is_the_others_as_soon_as_one_has_it_no_more(
        self, ana: Contact, rui: Contact, bob: User, way: str
    ) -> None:
        (row,) = open_call_backs()
        LOSES[way](rui, bob)
        db.session.commit()
        (same,) = open_call_backs()
        assert (same.id, same.contact_id) == (row.id, ana.id)
        call("b", STRANGER)
        (same,) = open_call_backs()
        assert (same.id, same.contact_id, same.misses) == (row.id, ana.id, 2)
        GETS_BACK[way](rui, bob)
        db.session.commit()
        call("c", STRANGER)
        (same,) = open_call_backs()
        assert (same.id, same.contact_id, same.misses) == (row.id, ana.id, 3)
        call("d", STRANGER, out=True, answered=True)
        assert open_call_backs() == []

    def test_a_refusal_holds_for_later_calls_until_it_is_taken_back(
        self, ana: Contact, bob: User
    ) -> None:
        call("a", STRANGER)
        assert who() == ["Ana"]
        not_this_person.refuse(STRANGER, ana, bob)
        db.session.commit()
        assert who() == ["Ana"]
        call("b", STRANGER)
        assert who() == [STRANGER, "Ana"]
        not_this_person.take_back(STRANGER, bob, ana)
        db.session.commit()
        assert [(row.contact_id, row.misses) for row in open_call_backs()] == [(ana.id, 2)]

    def test_undo_of_a_refusal_is_a_way_back_too(self, ana: Contact, bob: User) -> None:
        with journal.batch() as batch:
            not_this_person.refuse(STRANGER, ana, bob)
        db.session.commit()
        call("a", STRANGER)
        assert who() == [STRANGER]
        undo_batch(batch, bob)
        db.session.commit()
        assert who() == ["Ana"]

    @pytest.mark.parametrize("way", LOSES)
    def test_a_miss_that_comes_before_the_step_is_done_finds_the_row_of_the_number(
        self, ana: Contact, rui: Contact, bob: User, way: str
    ) -> None:
        (row,) = open_call_backs()
        call_backs.take(row.id, bob)
        LOSES[way](rui, bob)
        # Before its commit: nobody performs what is owed.
        call("b", STRANGER)
        (same,) = open_call_backs()
        assert (same.id, same.contact_id, same.state, same.misses) == (row.id, ana.id, "taken", 2)

    def test_a_number_that_somebody_else_gets_too_waits_where_it_waited(
        self, ana: Contact, bob: User
    ) -> None:
        call("a", STRANGER)
        assert who() == ["Ana"]
        make_contact("Rui", phones=(STRANGER,))
        again = call("b", STRANGER)
        (row,) = open_call_backs()
        assert (row.contact_id, row.misses) == (ana.id, 2)
        calls.attach_lead(again, None, bob)
        db.session.commit()
        assert who() == ["Ana"]
        call("c", STRANGER, out=True, answered=True)
        assert open_call_backs() == []

    def test_a_number_that_nobody_has_any_more_waits_where_it_waited(
        self, ana: Contact, bob: User
    ) -> None:
        call("a", STRANGER)
        assert who() == ["Ana"]
        has_only(ana, ANNA, bob)
        db.session.commit()
        call("b", STRANGER)
        (row,) = open_call_backs()
        assert (row.contact_id, row.misses) == (ana.id, 2)

    def test_a_number_that_goes_from_one_to_another_takes_along_what_waits(
        self, ana: Contact, bob: User, dora: User
    ) -> None:
        call("a", STRANGER)
        (row,) = open_call_backs()
        has_only(ana, ANNA, bob)
        rui = make_contact("Rui", phones=(STRANGER,), responsible=dora)
        db.session.commit()
        (same,) = open_call_backs()
        assert (same.id, same.contact_id, same.owner_id) == (row.id, rui.id, dora.id)
        call("b", STRANGER)
        assert [(one.id, one.misses) for one in open_call_backs()] == [(row.id, 2)]

    def test_who_rang_from_another_phone_too_waits_for_that_one_still(
        self, ana: Contact, bob: User
    ) -> None:
        contacts.add_phone(ana, ANNA, PhoneKind.MOBILE, bob)
        db.session.commit()
        call("a", STRANGER)
        call("b", ANNA)
        assert who() == ["Ana"]
        has_only(ana, ANNA, bob)
        make_contact("Rui", phones=(STRANGER,))
        db.session.commit()
        assert [(row.contact.name, row.misses) for row in open_call_backs() if row.contact] == [
            ("Ana", 1),
            ("Rui", 1),
        ]

    def test_what_is_over_stays_with_whom_it_was(self, ana: Contact, bob: User) -> None:
        missed = call("a", STRANGER)
        (row,) = open_call_backs()
        call_backs.done(row.id, "Wrote an e-mail", bob)
        has_only(ana, ANNA, bob)
        make_contact("Rui", phones=(STRANGER,))
        db.session.commit()
        assert open_call_backs() == []
        calls.attach_lead(missed, None, bob)
        db.session.commit()
        assert open_call_backs() == []
        call("b", STRANGER)
        assert [(one.contact_id == ana.id, one.misses) for one in open_call_backs()] == [(False, 1)]

    def test_whom_somebody_has_chosen_keeps_the_call_whoever_has_the_number(
        self, ana: Contact, rui: Contact, bob: User
    ) -> None:
        missed = db.session.scalars(select(Call)).one()
        calls.attach_contact(missed, rui, bob)
        db.session.commit()
        assert who() == ["Rui"]
        has_only(rui, ANNA, bob)
        db.session.commit()
        assert who() == ["Rui"]

    def test_with_nobody_we_know_it_waits_beside_the_row_of_who_has_the_number(
        self, ana: Contact, bob: User
    ) -> None:
        missed = call("a", STRANGER)
        calls.attach_contact(missed, None, bob)
        not_this_person.take_back(STRANGER, bob)
        db.session.commit()
        assert who() == [STRANGER]
        call("b", STRANGER)
        assert who() == [STRANGER, "Ana"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+5511987654321", "+551187654321"),
        ("+5491122334455", "+541122334455"),
        ("+525512345678", "+5215512345678"),
        ("+390612345678", "+39612345678"),
    ],
)
class TestTwoForms:
    """A number that its country writes in two ways is one client."""

    def test_both_wait_once_and_the_last_is_the_one_to_call(self, one: str, other: str) -> None:
        call("a", one)
        (row,) = open_call_backs()
        call("b", other)
        (same,) = open_call_backs()
        assert (same.id, same.misses, same.number) == (row.id, 2, other)
        found = [call_backs.open_for(None, number) for number in (one, other)]
        assert [row.id for row in found if row] == [same.id, same.id]
        call("c", one, out=True)
        assert open_call_backs()[0].tries == 1
        call("d", one, out=True, answered=True)
        assert open_call_backs() == []

    def test_both_go_to_who_gets_one_of_them(self, one: str, other: str, bob: User) -> None:
        call("a", one)
        (row,) = open_call_backs()
        ana = make_contact("Ana", phones=(other,))
        db.session.commit()
        (same,) = open_call_backs()
        assert (same.id, same.contact_id) == (row.id, ana.id)
        put_in_bin(ana, bob)
        db.session.commit()
        assert len(who()) == 1
        call("b", other)
        (same,) = open_call_backs()
        assert (same.id, same.contact_id, same.misses) == (row.id, None, 2)

    def test_two_rows_of_an_earlier_version_become_one(self, one: str, other: str) -> None:
        for name, number in (("a", one), ("b", other)):
            missed = call(name, number)
            row = CallBack(number=number, misses=1, missed_at=missed.started_at)
            db.session.add(row)
            db.session.flush()
            db.session.add(CallBackMiss(call_id=missed.id, call_back_id=row.id))
            db.session.execute(delete(Job))
            db.session.commit()
        assert len(who()) == 2
        call("c", other)
        (row,) = open_call_backs()
        assert (row.misses, row.number) == (3, other)

    def test_not_this_person_is_said_of_both(self, one: str, other: str, bob: User) -> None:
        ana = make_contact("Ana", phones=(one,))
        not_this_person.refuse(one, ana, bob)
        db.session.commit()
        call("a", other)
        call("b", one)
        assert len(who()) == 1
        assert "Ana" not in who()
        not_this_person.take_back(other, bob)
        db.session.commit()
        assert who() == ["Ana"]
        assert db.session.scalars(select(NotThisPerson)).all() == []

    def test_fifty_at_once_from_both_make_one_row(
        self, office: Flask, one: str, other: str
    ) -> None:
        miss_at_once(office, 50, one, other)
        assert [row.misses for row in open_call_backs()] == [50]
        assert db.session.scalar(select(func.count(CallBack.id))) == 1
