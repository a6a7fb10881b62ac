"""Whose call was missed is called back: one row for each client, until somebody talks with them."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.callbacks import services as call_backs
from crm_app.callbacks.models import CallBack, CallBackMiss
from crm_app.calls import services as calls
from crm_app.calls.fold.facts import Disposition, Fact, FactKind
from crm_app.calls.store import ledger, upkeep
from crm_app.contacts import services as contacts
from crm_app.contacts.models import PhoneKind
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.jobs import services as jobs
from crm_app.jobs.models import Job
from crm_app.jobs.runner import Runner
from crm_app.records.bin import put_in_bin, restore
from crm_app.records.purge import purge
from crm_app.serving.jobs import KINDS
from crm_app.telephony import services
from crm_app.telephony.models import DirectNumber
from tests.callbacks.ended_calls import (
    ANNA,
    BY_CALLS,
    STRANGER,
    call,
    listed,
    miss_at_once,
    open_call_backs,
    say,
    who,
)
from tests.owed import perform
from tests.questions import questions

OTHER = "+351913000100"


class TestWhoIsCalledBack:
    def test_a_stranger_waits_in_the_pool_with_their_number(self, office: Flask) -> None:
        call("a", STRANGER)
        (row,) = open_call_backs()
        assert (row.number, row.contact_id, row.holder_id, row.misses) == (STRANGER, None, None, 1)

    def test_one_row_waits_however_often_and_from_whichever_phone_they_ring(
        self, office: Flask
    ) -> None:
        anna = make_contact("Anna", phones=(ANNA, OTHER))
        db.session.commit()
        for name, number in (("a", ANNA), ("b", OTHER), ("c", ANNA)):
            call(name, number)
        (row,) = open_call_backs()
        assert (row.contact_id, row.misses, row.number) == (anna.id, 3, ANNA)

    def test_two_strangers_are_two(self, office: Flask) -> None:
        call("a", STRANGER)
        call("b", OTHER)
        assert who() == [STRANGER, OTHER]

    @pytest.mark.parametrize("number", ["", "100", "+351210000001"])
    def test_hidden_numbers_colleagues_and_our_own_lines_make_none(
        self, office: Flask, alice: User, number: str
    ) -> None:
        db.session.add(DirectNumber(number="+351210000001"))
        call("a", number)
        assert open_call_backs() == []

    def test_a_ghost_makes_none_and_a_longer_ring_does(self, office: Flask) -> None:
        call("a", STRANGER, ring=4)
        assert open_call_backs() == []
        call("b", STRANGER, ring=5)
        assert who() == [STRANGER]

    @pytest.mark.parametrize(
        "how", [Disposition.BUSY, Disposition.NO_ANSWER, Disposition.LIMIT, Disposition.FAILED]
    )
    def test_only_a_caller_who_gave_up_is_a_ghost(self, office: Flask, how: Disposition) -> None:
        call("a", STRANGER, ring=1, how=how)
        assert who() == [STRANGER]

    def test_a_caller_who_is_gone_in_the_second_of_the_call_is_a_ghost(self, office: Flask) -> None:
        call("a", STRANGER, ring=0)
        assert open_call_backs() == []

    @pytest.mark.parametrize("sign", [FactKind.RANG, FactKind.MENU, None])
    def test_a_ring_whose_start_was_not_heard_is_no_ghost(
        self, office: Flask, sign: FactKind | None
    ) -> None:
        now = clock.now()
        if sign:
            say(sign, "in_a", now, caller=STRANGER, extension="101" * (sign is FactKind.RANG))
        say(
            FactKind.ENDED, "in_a", now + timedelta(seconds=2), caller=STRANGER,
            disposition=Disposition.CANCELLED,
        )  # fmt: skip
        assert who() == [STRANGER]

    @pytest.mark.parametrize("ahead", [-3, 0, 2, 4])
    def test_a_ring_whose_end_only_the_statistics_tell_is_no_ghost(
        self, office: Flask, ahead: int
    ) -> None:
        began = clock.now() - timedelta(minutes=5)
        say(FactKind.STARTED, "in_a", began, caller=STRANGER)
        say(FactKind.RANG, "in_a", began + timedelta(seconds=1), caller=STRANGER, extension="101")
        say(
            FactKind.LISTED, "in_a", clock.now(), caller=STRANGER, talk_seconds=0,
            disposition=Disposition.CANCELLED, happened_at=began + timedelta(seconds=ahead),
        )  # fmt: skip
        assert who() == [STRANGER]

    def test_a_refused_caller_makes_none_also_when_the_refusal_comes_late(
        self, office: Flask
    ) -> None:
        call("a", STRANGER)
        (row,) = open_call_backs()
        say(FactKind.REFUSED, "in_a", clock.now(), caller=STRANGER)
        assert open_call_backs() == []
        assert row.state == "done"

    def test_calls_from_before_the_function_was_switched_on_make_none(self, office: Flask) -> None:
        services.set_switches({"call_backs": "off"})
        db.session.commit()
        call("a", STRANGER)
        assert open_call_backs() == []
        services.set_switches({"call_backs": "on"})
        db.session.commit()
        call("b", OTHER)
        assert open_call_backs() == []

    @pytest.mark.parametrize(("origin", "count"), [("history", 0), ("", 1)])
    def test_calls_that_only_history_brought_make_none(
        self, office: Flask, bob: User, origin: str, count: int
    ) -> None:
        missed = listed(STRANGER, origin)
        assert len(open_call_backs()) == count
        # Nor does somebody who says later who it was.
        calls.attach_contact(missed, make_contact("Anna", phones=(ANNA,)), bob)
        db.session.commit()
        assert len(open_call_backs()) == count

    def test_an_office_that_is_not_connected_has_none(self, app: Flask) -> None:
        call("a", STRANGER)
        assert open_call_backs() == []

    def test_what_ghosts_are_is_decided_when_they_ring(self, office: Flask) -> None:
        call("a", STRANGER, ring=9)
        assert who() == [STRANGER]
        services.set_switches({"ghost_seconds": 60})
        db.session.commit()
        call("b", STRANGER, out=True)
        (row,) = open_call_backs()
        assert (row.misses, row.tries) == (1, 1)


class TestOwner:
    def test_it_is_the_clients_responsible(self, responsible: User, dora: User) -> None:
        make_contact("Anna", phones=(ANNA,), responsible=dora)
        db.session.commit()
        call("a", ANNA)
        assert open_call_backs()[0].holder_id == dora.id

    def test_a_person_without_one_has_that_of_the_company(
        self, responsible: User, dora: User
    ) -> None:
        firm = make_contact("Firm", kind="company", responsible=dora)
        make_contact("Anna", phones=(ANNA,), company=firm)
        db.session.commit()
        call("a", ANNA)
        assert open_call_backs()[0].holder_id == dora.id

    def test_who_rang_last_on_transfer_comes_before_the_default(
        self, responsible: User, dora: User
    ) -> None:
        now = clock.now()
        say(FactKind.STARTED, "in_a", now, caller=STRANGER)
        say(FactKind.RANG, "in_a", now, caller=STRANGER, extension="101")
        say(FactKind.RANG, "in_a", now, caller=STRANGER, extension="103", transfer_from="101")
        say(FactKind.ENDED, "in_a", now, caller=STRANGER, disposition=Disposition.NO_ANSWER)
        assert open_call_backs()[0].holder_id == dora.id

    def test_else_it_is_the_default_responsible(self, responsible: User) -> None:
        call("a", STRANGER)
        assert open_call_backs()[0].holder_id == responsible.id

    def test_who_cannot_sign_in_any_more_gets_none(self, responsible: User, dora: User) -> None:
        make_contact("Anna", phones=(ANNA,), responsible=dora)
        dora.active = False
        db.session.commit()
        call("a", ANNA)
        assert open_call_backs()[0].holder_id == responsible.id


class TestEnd:
    @pytest.mark.parametrize("out", [False, True])
    def test_a_talk_closes_it_whichever_side_called(
        self, responsible: User, dora: User, out: bool
    ) -> None:
        call("a", STRANGER)
        (row,) = open_call_backs()
        talk = call("b", STRANGER, answered=True, out=out, extension="103")
        assert open_call_backs() == []
        assert (row.state, row.closed_by_call_id, row.done_by_id) == ("done", talk.id, dora.id)
        assert row.misses == 1

    def test_a_talk_on_another_number_of_the_client_closes_it(self, office: Flask) -> None:
        make_contact("Anna", phones=(ANNA, OTHER))
        db.session.commit()
        call("a", ANNA)
        assert who() == ["Anna"]
        call("b", OTHER, answered=True)
        assert open_call_backs() == []

    def test_a_talk_that_is_no_longer_than_a_ghost_is_a_try(self, office: Flask, bob: User) -> None:
        call("a", STRANGER)
        call("b", STRANGER, answered=True, out=True, talk=5)
        (row,) = open_call_backs()
        assert (row.tries, row.tried_by_id) == (1, bob.id)
        call("c", STRANGER, answered=True, out=True, talk=6)
        assert open_call_backs() == []

    def test_a_talk_that_goes_on_closes_it_when_it_is_long_enough(
        self, office: Flask, time_machine: Any
    ) -> None:
        call("a", STRANGER)
        now = clock.now()
        say(FactKind.STARTED, "in_b", now, caller=STRANGER)
        say(FactKind.ANSWERED, "in_b", now, caller=STRANGER, extension="101")
        Runner(KINDS).work(lambda: False)
        job = db.session.scalars(select(Job).where(Job.kind == "talked")).one()
        assert job.done_at is None
        assert 4 < (job.due_at - now).total_seconds() < 8

    def test_a_talk_that_is_told_to_be_longer_than_we_heard_it_closes_it_all_the_same(
        self, office: Flask
    ) -> None:
        call("a", STRANGER)
        call("b", STRANGER, answered=True, talk=600)
        assert open_call_backs() == []
        call("c", STRANGER)
        (row,) = open_call_backs()
        assert row.misses == 1

    def test_a_talk_with_somebody_else_of_the_client_closes_no_call_missed_meanwhile(
        self, office: Flask
    ) -> None:
        now = clock.now() - timedelta(minutes=20)
        way: dict[str, Any] = {"caller": STRANGER}
        say(FactKind.STARTED, "in_t", now, **way)
        say(FactKind.ANSWERED, "in_t", now, extension="101", **way)
        say(FactKind.STARTED, "in_m", now + timedelta(minutes=1), **way)
        say(FactKind.ENDED, "in_m", now + timedelta(minutes=2), disposition=Disposition.BUSY, **way)
        later = now + timedelta(minutes=9)
        say(
            FactKind.ENDED, "in_t", later, disposition=Disposition.ANSWERED, talk_seconds=540, **way
        )
        assert [row.misses for row in open_call_backs()] == [1]

    def test_tries_are_counted_with_who_and_when(self, office: Flask, dora: User) -> None:
        call("a", STRANGER)
        call("b", STRANGER, out=True)
        last = call("c", STRANGER, out=True, extension="103", how=Disposition.BUSY)
        (row,) = open_call_backs()
        assert (row.tries, row.tried_at, row.tried_by_id) == (2, last.started_at, dora.id)

    def test_a_call_that_the_account_could_not_pay_is_no_try(self, office: Flask) -> None:
        call("a", STRANGER)
        call("b", STRANGER, out=True, how=Disposition.NO_MONEY)
        assert open_call_backs()[0].tries == 0

    def test_the_next_miss_opens_the_same_row_and_counts_from_the_talk(self, office: Flask) -> None:
        for name in ("a", "b"):
            call(name, STRANGER)
        (first,) = open_call_backs()
        call("c", STRANGER, out=True)
        call("d", STRANGER, answered=True)
        assert open_call_backs() == []
        call("e", STRANGER)
        (row,) = open_call_backs()
        assert row.id == first.id
        assert (row.misses, row.tries, row.closed_by_call_id) == (1, 0, None)

    def test_a_miss_that_was_answered_before_we_looked_makes_no_open_one(
        self, office: Flask
    ) -> None:
        call("a", STRANGER)
        call("b", STRANGER, answered=True)
        assert open_call_backs() == []

    def test_done_by_hand_stays_done_until_the_next_miss(self, office: Flask, bob: User) -> None:
        call("a", STRANGER)
        (row,) = open_call_backs()
        call_backs.done(row.id, "Wrote an e-mail", bob)
        db.session.commit()
        call("b", STRANGER, out=True)
        assert open_call_backs() == []
        say(FactKind.ENDED, "in_c", clock.now(), caller=STRANGER, disposition=Disposition.BUSY)
        (again,) = open_call_backs()
        assert again.id == row.id
        assert again.misses == 2


class TestJoining:
    def test_a_number_that_gets_a_contact_joins_the_contacts_and_sums_the_misses(
        self, office: Flask, bob: User
    ) -> None:
        anna = make_contact("Anna", phones=(ANNA,))
        db.session.commit()
        for name, number in (("a", ANNA), ("b", STRANGER), ("c", STRANGER)):
            call(name, number)
        assert len(open_call_backs()) == 2
        contacts.add_phone(anna, STRANGER, PhoneKind.MOBILE, bob)
        db.session.commit()
        (row,) = open_call_backs()
        assert (row.contact_id, row.misses) == (anna.id, 3)

    def test_a_new_contact_takes_the_row_of_its_number_with_its_id(
        self, office: Flask, dora: User
    ) -> None:
        call("a", STRANGER)
        (row,) = open_call_backs()
        eva = make_contact("Eva", phones=(STRANGER,), responsible=dora)
        db.session.commit()
        (same,) = open_call_backs()
        assert (same.id, same.contact_id, same.holder_id) == (row.id, eva.id, dora.id)
        call("b", STRANGER)
        assert [(one.id, one.misses) for one in open_call_backs()] == [(row.id, 2)]

    def test_who_has_taken_it_keeps_it(self, responsible: User, dora: User) -> None:
        anna = make_contact("Anna", phones=(ANNA,))
        db.session.commit()
        call("a", ANNA)
        call("b", STRANGER)
        stranger = next(row for row in open_call_backs() if row.contact_id is None)
        call_backs.take(stranger.id, dora)
        contacts.add_phone(anna, STRANGER, PhoneKind.MOBILE, dora)
        db.session.commit()
        (row,) = open_call_backs()
        assert (row.state, row.holder_id) == ("taken", dora.id)

    def test_two_contacts_that_were_one_person_have_one_once_one_has_both_numbers(
        self, office: Flask, bob: User
    ) -> None:
        anna, again = make_contact("Anna", phones=(ANNA,)), make_contact("A.", phones=(STRANGER,))
        call("a", ANNA)
        call("b", STRANGER)
        assert who() == ["A.", "Anna"]
        put_in_bin(again, bob)
        contacts.add_phone(anna, STRANGER, PhoneKind.MOBILE, bob)
        db.session.commit()
        (row,) = open_call_backs()
        assert (row.contact_id, row.misses) == (anna.id, 2)
        # Whatever comes late about a call of the other one.
        jobs.enqueue(db.session, "call_back", {"call": "in_b"})
        db.session.commit()
        call("c", STRANGER)
        (row,) = open_call_backs()
        assert (row.contact_id, row.misses) == (anna.id, 3)
        call("d", STRANGER, out=True, answered=True)
        assert open_call_backs() == []

    def test_the_number_of_a_contact_in_the_bin_waits_once_and_goes_back_with_the_contact(
        self, office: Flask, bob: User
    ) -> None:
        anna = make_contact("Anna", phones=(ANNA,), responsible=bob)
        call("a", ANNA)
        (row,) = open_call_backs()
        put_in_bin(anna, bob)
        db.session.commit()
        call("b", ANNA)
        (same,) = open_call_backs()
        assert (same.id, same.contact_id, same.misses) == (row.id, None, 2)
        restore(anna, bob)
        db.session.commit()
        (same,) = open_call_backs()
        assert (same.id, same.contact_id, same.misses) == (row.id, anna.id, 2)

    def test_the_number_of_a_contact_that_is_purged_still_waits(self, office: Flask) -> None:
        anna = make_contact("Anna", phones=(ANNA,))
        db.session.commit()
        call("a", ANNA)
        (row,) = open_call_backs()
        purge(anna)
        db.session.commit()
        (same,) = open_call_backs()
        assert (same.id, same.contact_id, same.number) == (row.id, None, ANNA)

    def test_a_contact_without_a_waiting_number_costs_one_look(self, office: Flask) -> None:
        with questions() as asked:
            make_contact("Anna", phones=(ANNA,))
        assert len([one for one in asked if "call_back" in one]) == 1
        assert not [one for one in asked if "INSERT INTO job" in one]
        db.session.commit()


class TestOnce:
    def test_fifty_who_miss_the_same_client_at_once_make_one_row(self, office: Flask) -> None:
        make_contact("Anna", phones=(ANNA, STRANGER))
        db.session.commit()
        miss_at_once(office, 50, ANNA, STRANGER)
        (row,) = open_call_backs()
        assert row.misses == 50
        assert db.session.scalar(select(func.count(CallBackMiss.call_id))) == 50
        assert db.session.scalar(select(func.count(CallBack.id))) == 1

    def test_it_is_owed_in_the_transaction_of_the_fact(self, office: Flask) -> None:
        fact = Fact(FactKind.ENDED, "in_lost", clock.now(), caller=STRANGER,
                    disposition=Disposition.CANCELLED)  # fmt: skip
        ledger.record(db.session.connection(), fact, "")
        db.session.rollback()
        assert open_call_backs() == []
        ledger.record(db.session.connection(), fact, "")
        db.session.commit()
        assert who() == [STRANGER]

    def test_folding_again_owes_nothing(self, office: Flask) -> None:
        call("a", STRANGER)
        assert who() == [STRANGER]
        owed = db.session.scalar(select(func.count(Job.id)))
        upkeep.rebuild(db.session, rest=lambda _seconds: None)
        assert db.session.scalar(select(func.count(Job.id))) == owed
        assert who() == [STRANGER]

    def test_performing_it_twice_changes_nothing(self, office: Flask) -> None:
        missed = call("a", STRANGER)
        (row,) = open_call_backs()
        ledger.enqueue_again(db.session.connection(), missed.pbx_call_id)
        db.session.commit()
        perform(*BY_CALLS)
        assert [(one.id, one.misses) for one in open_call_backs()] == [(row.id, 1)]

    def test_a_call_without_consequences_costs_no_statement_more(
        self, office: Flask, alice: User
    ) -> None:
        start = Fact(FactKind.STARTED, "in_a", clock.now(), caller=STRANGER, did="+351210000001")
        with questions() as asked:
            ledger.record(db.session.connection(), start, "")
        assert not [one for one in asked if "job" in one or "call_back" in one]
        db.session.commit()
