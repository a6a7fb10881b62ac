"""What is done about a client holds for the calls missed until then, and for no later one."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.callbacks import services as call_backs
from crm_app.callbacks.models import CallBack
from crm_app.calls import services as calls
from crm_app.calls.fold.facts import Disposition, FactKind
from crm_app.calls.models import Call
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact
from crm_app.extensions import db
from tests.callbacks.ended_calls import ANNA, STRANGER, call, open_call_backs, say, who

LINE = "+351210000001"


@pytest.fixture
def anna(responsible: User) -> Contact:
    """A client with two phones."""
    return make_contact("Anna", phones=(ANNA, STRANGER))


def rings(name: str, number: str = STRANGER, at: datetime | None = None) -> None:
    say(FactKind.STARTED, f"in_{name}", at or clock.now(), caller=number, did=LINE)


def gives_up(name: str, number: str = STRANGER, at: datetime | None = None) -> Call:
    return say(
        FactKind.ENDED, f"in_{name}", at or clock.now(), caller=number, talk_seconds=0,
        disposition=Disposition.NO_ANSWER,
    )  # fmt: skip


def talk(name: str, number: str, began: datetime, ended: datetime) -> Call:
    way: dict[str, Any] = {"called": number, "extension": "103", "caller": "103"}
    say(FactKind.OUTGOING_STARTED, f"out_{name}", began, **way)
    seconds = int((ended - began).total_seconds())
    return say(
        FactKind.OUTGOING_ENDED, f"out_{name}", ended, disposition=Disposition.ANSWERED,
        talk_seconds=seconds, **way,
    )  # fmt: skip


class TestWhileTheyRing:
    def test_done_does_not_settle_the_call_that_is_missed_afterwards(
        self, responsible: User
    ) -> None:
        with time_machine.travel(clock.now(), tick=False) as moment:
            call("a", STRANGER)
            (row,) = open_call_backs()
            rings("b")
            moment.shift(20)
            call_backs.take(row.id, responsible)
            call_backs.done(row.id, "Settled in writing", responsible)
            db.session.commit()
            moment.shift(20)
            gives_up("b")
            (again,) = open_call_backs()
            assert (again.id, again.state) == (row.id, "open")
            assert again.due_at >= clock.now() - timedelta(seconds=40)

    @pytest.mark.parametrize("ended", [19, 20])
    def test_done_settles_what_was_missed_before_also_when_that_is_heard_later(
        self, responsible: User, ended: int
    ) -> None:
        with time_machine.travel(clock.now(), tick=False) as moment:
            call("a", STRANGER)
            (row,) = open_call_backs()
            began = clock.now()
            moment.shift(20)
            call_backs.done(row.id, "Settled in writing", responsible)
            db.session.commit()
            moment.shift(60)
            rings("b", at=began)
            gives_up("b", at=began + timedelta(seconds=ended))
            assert open_call_backs() == []

    def test_one_whose_end_was_never_heard_is_missed_when_it_is_given_up(
        self, responsible: User
    ) -> None:
        with time_machine.travel(clock.now(), tick=False) as moment:
            call("a", STRANGER)
            (row,) = open_call_backs()
            rings("b")
            moment.shift(20)
            call_backs.done(row.id, "Settled in writing", responsible)
            db.session.commit()
            moment.shift(3600)
            say(FactKind.SWEPT, "in_b", clock.now())
            assert who() == [STRANGER]

    def test_a_talk_on_another_phone_that_is_over_before_settles_it_as_little(
        self, anna: Contact
    ) -> None:
        now = clock.now() - timedelta(minutes=5)
        call("a", ANNA)
        assert who() == ["Anna"]
        rings("b", at=now)
        talk("t", ANNA, now + timedelta(seconds=10), now + timedelta(seconds=30))
        assert open_call_backs() == []
        gives_up("b", at=now + timedelta(seconds=40))
        (row,) = open_call_backs()
        assert (row.misses, row.first_missed_at) == (1, row.missed_at)
        talk("u", STRANGER, now + timedelta(seconds=60), now + timedelta(seconds=90))
        assert open_call_backs() == []

    def test_a_talk_that_goes_on_longer_than_they_ring_settles_it(self, anna: Contact) -> None:
        now = clock.now() - timedelta(minutes=5)
        rings("b", at=now)
        gives_up("b", at=now + timedelta(seconds=40))
        assert who() == ["Anna"]
        talk("t", ANNA, now + timedelta(seconds=10), now + timedelta(seconds=70))
        assert open_call_backs() == []

    def test_a_talk_after_a_call_whose_end_was_never_heard_settles_it(self, anna: Contact) -> None:
        now = clock.now() - timedelta(hours=2)
        rings("b", at=now)
        talk("t", ANNA, now + timedelta(seconds=100), now + timedelta(seconds=170))
        say(FactKind.SWEPT, "in_b", clock.now())
        assert open_call_backs() == []

    def test_an_earlier_miss_that_is_withdrawn_meanwhile_changes_nothing(
        self, office: Flask
    ) -> None:
        call("a", STRANGER)
        assert who() == [STRANGER]
        rings("b")
        say(FactKind.REFUSED, "in_a", clock.now(), caller=STRANGER)
        assert open_call_backs() == []
        gives_up("b", at=clock.now() + timedelta(seconds=20))
        (row,) = open_call_backs()
        assert row.misses == 1


@pytest.fixture
def taken(anna: Contact, responsible: User) -> CallBack:
    """Anna's call-back, taken by Bob."""
    call("a", ANNA)
    (row,) = open_call_backs()
    call_backs.take(row.id, responsible)
    db.session.commit()
    return row


class TestOpenedByALateFact:
    def test_it_begins_afresh_for_a_miss_that_the_talk_was_not_about(
        self, taken: CallBack, responsible: User
    ) -> None:
        was_due = taken.due_at
        now = clock.now() - timedelta(minutes=10)
        talk("t", ANNA, now, now + timedelta(minutes=5))
        assert open_call_backs() == []
        rings("b", at=now + timedelta(minutes=3))
        gives_up("b", at=now + timedelta(minutes=4))
        (row,) = open_call_backs()
        assert (row.state, row.misses, row.due_at > was_due) == ("open", 1, True)
        assert row.owner_id == responsible.id

    def test_an_earlier_miss_that_the_talk_settled_too_leaves_it_done_and_whose_it_was(
        self, taken: CallBack, responsible: User
    ) -> None:
        now = clock.now() - timedelta(minutes=10)
        talked = talk("t", ANNA, now, now + timedelta(minutes=5))
        assert open_call_backs() == []
        rings("b", at=now - timedelta(minutes=2))
        gives_up("b", at=now - timedelta(minutes=1))
        assert open_call_backs() == []
        row = db.session.get_one(CallBack, taken.id)
        assert (row.misses, row.closed_by_call_id) == (2, talked.id)
        assert row.taken_by_id == responsible.id

    def test_who_had_taken_it_goes_on_when_only_the_talk_turns_out_to_be_none(
        self, taken: CallBack, responsible: User
    ) -> None:
        was_due = taken.due_at
        now = clock.now() - timedelta(minutes=10)
        talked = talk("t", ANNA, now, now + timedelta(minutes=5))
        assert open_call_backs() == []
        calls.attach_contact(talked, make_contact("Bela"), responsible)
        db.session.commit()
        (row,) = open_call_backs()
        assert (row.state, row.taken_by_id, row.due_at) == ("taken", responsible.id, was_due)
