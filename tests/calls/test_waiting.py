"""What waits to be written up: noted when a talk is over, and only for those who talked."""

import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import delete, select, update

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.fold.facts import Disposition, Fact, FactKind
from crm_app.calls.models import Call, CallFact, CallWrapup
from crm_app.calls.store import hot_sql, upkeep
from crm_app.calls.store.ledger import record
from crm_app.calls.wrapup import services as wrapups
from crm_app.calls.wrapup import waiting
from crm_app.calls.wrapup.services import WrittenUp
from crm_app.demo import make_contact, make_user
from crm_app.extensions import db
from tests.calls.popup_story import ANA, NOON, answer, end, fact, ring
from tests.calls.test_ledger import TOLD
from tests.calls.test_lifecycle_scenarios import CALLS, facts_of

pytestmark = pytest.mark.usefixtures("traveller")


def waits() -> dict[tuple[str, str], datetime]:
    """Since when which call waits for whom."""
    db.session.expire_all()
    rows = db.session.execute(
        select(Call.pbx_call_id, User.name, CallWrapup.waits_since)
        .select_from(CallWrapup)
        .join(CallWrapup.call)
        .join(CallWrapup.user)
        .where(CallWrapup.waits_since.is_not(None))
    )
    return {(call, name): since for call, name, since in rows}


def store(*facts: Fact) -> None:
    for one in facts:
        record(db.session.connection(), one, "")
    db.session.commit()


def talked(traveller: time_machine.Traveller, pbx_call_id: str = "in_1", **told: Any) -> Call:
    """Let Bob talk for a minute with somebody who calls."""
    ring("101", pbx_call_id=pbx_call_id, **told)
    answer("101", pbx_call_id, **told)
    traveller.shift(65)
    return end(pbx_call_id, last_extension="101", **told)


class TestWhatWaits:
    def test_a_call_waits_from_the_end_for_the_one_who_talked(
        self, traveller: time_machine.Traveller, bob: User, erin: User
    ) -> None:
        ring("101", "102")
        answer("101")
        assert waits() == {}
        traveller.shift(65)
        end(last_extension="101")
        assert waits() == {("in_1", "Bob Agent"): NOON + timedelta(seconds=65)}

    def test_each_waits_from_the_moment_that_they_passed_the_call_on(
        self, traveller: time_machine.Traveller, bob: User, erin: User
    ) -> None:
        ring("101")
        answer("101")
        traveller.shift(30)
        fact(FactKind.RANG, extension="102", transfer_from="101")
        assert waits() == {}
        answer("102", transfer_from="101")
        passed = {("in_1", "Bob Agent"): NOON + timedelta(seconds=30)}
        assert waits() == passed
        traveller.shift(30)
        end(last_extension="102")
        assert waits() == passed | {("in_1", "Erin Agent"): NOON + timedelta(seconds=60)}

    def test_a_call_that_comes_back_waits_again_at_its_end(
        self, traveller: time_machine.Traveller, bob: User, erin: User
    ) -> None:
        ring("101")
        answer("101")
        traveller.shift(10)
        answer("102", transfer_from="101")
        traveller.shift(10)
        fact(FactKind.RANG, extension="101", transfer_from="102")
        answer("101", transfer_from="102")
        assert waits() == {("in_1", "Erin Agent"): NOON + timedelta(seconds=20)}
        traveller.shift(10)
        end(last_extension="101")
        assert waits()["in_1", "Bob Agent"] == NOON + timedelta(seconds=30)

    def test_who_calls_out_waits_when_somebody_answered(
        self, traveller: time_machine.Traveller, bob: User
    ) -> None:
        called = {"extension": "101", "called": ANA}
        fact(FactKind.OUTGOING_STARTED, "out_1", **called)
        fact(FactKind.OUTGOING_ENDED, "out_1", disposition=Disposition.NO_ANSWER, **called)
        assert waits() == {}
        fact(FactKind.OUTGOING_STARTED, "out_2", **called)
        fact(FactKind.ANSWERED, "out_2", caller="101", **called)
        traveller.shift(9)
        fact(
            FactKind.OUTGOING_ENDED, "out_2", disposition=Disposition.ANSWERED, talk_seconds=9,
            **called,
        )  # fmt: skip
        assert waits() == {("out_2", "Bob Agent"): NOON + timedelta(seconds=9)}

    def test_neither_missed_nor_refused_nor_calls_among_colleagues_wait(
        self, bob: User, erin: User
    ) -> None:
        ring("101", pbx_call_id="in_missed")
        end("in_missed", disposition=Disposition.CANCELLED, talk_seconds=0)
        ring("101", pbx_call_id="in_refused")
        fact(FactKind.REFUSED, "in_refused")
        between = {"extension": "101", "called": "102"}
        fact(FactKind.OUTGOING_STARTED, "out_between", **between)
        fact(FactKind.ANSWERED, "out_between", caller="101", **between)
        fact(
            FactKind.OUTGOING_ENDED, "out_between", disposition=Disposition.ANSWERED,
            talk_seconds=5, **between,
        )  # fmt: skip
        assert waits() == {}

    def test_an_end_of_more_than_a_day_ago_waits_for_nobody(
        self, traveller: time_machine.Traveller, bob: User
    ) -> None:
        ring("101")
        answer("101")
        late = Fact(
            FactKind.ENDED, "in_1", clock.now(), caller=ANA, last_extension="101",
            disposition=Disposition.ANSWERED, talk_seconds=5,
        )  # fmt: skip
        traveller.shift(timedelta(days=1, seconds=1))
        store(late)
        assert waits() == {}

    def test_what_was_typed_while_talking_waits_with_the_call(
        self, traveller: time_machine.Traveller, bob: User
    ) -> None:
        ring("101")
        call = answer("101")
        wrapups.keep_draft(call, bob, WrittenUp(note="Wants a price"), clock.now().tzinfo)
        db.session.commit()
        end(last_extension="101")
        [item] = waiting.waiting(bob)
        assert (item.call, item.wrapup.note) == (call, "Wants a price")


class TestWhateverTheOrder:
    @pytest.mark.parametrize("scenario", CALLS, ids=lambda one: one["id"])
    def test_the_same_calls_wait_in_whatever_order_and_however_often_facts_come(
        self, scenario: dict[str, Any], traveller: time_machine.Traveller, app: Flask
    ) -> None:
        for number in range(6):
            make_user(f"User {number}", extension=f"10{number}")
        # What is repeated keeps the time at which it came first.
        facts = list({one.content: one for one in reversed(facts_of(scenario))}.values())[::-1]
        traveller.move_to(max(one.received_at for one in facts))
        store(*facts)
        expected = waits()
        rng = random.Random(scenario["id"])
        for _ in range(2):
            for table in (CallWrapup, CallFact):
                db.session.execute(delete(table))
            db.session.execute(delete(Call))
            store(*rng.sample(facts, len(facts)), *rng.choices(facts, k=2))
            assert waits() == expected

    def test_also_where_the_facts_contradict_each_other(
        self, traveller: time_machine.Traveller, app: Flask
    ) -> None:
        for number in range(1, 5):
            make_user(f"User {number}", extension=f"10{number}")
        rng, seen = random.Random(9), 0
        traveller.move_to(NOON + timedelta(minutes=11))
        for number in range(60):
            # A call of another day waits for nobody.
            told = [replace(one, pbx_time="") for one in rng.choices(TOLD, k=6)]
            told = list({one.content: one for one in told}.values())
            outcomes = []
            for order in (told, told[::-1]):
                store(*(replace(one, pbx_call_id=f"in_{number}") for one in order))
                outcomes.append({who: since for (_, who), since in waits().items()})
                for table in (CallWrapup, CallFact):
                    db.session.execute(delete(table))
                db.session.execute(delete(Call))
                db.session.commit()
            assert outcomes[0] == outcomes[1]
            seen += bool(outcomes[0])
        assert seen > 5

    def test_recomputing_the_log_revives_nothing_and_loses_nothing(
        self, traveller: time_machine.Traveller, bob: User
    ) -> None:
        for name in ("in_1", "in_2", "in_3"):
            talked(traveller, name)
        first, second, third = db.session.scalars(select(Call).order_by(Call.id))
        waiting.dismiss(first, bob)
        wrapups.save(second, bob, WrittenUp("done"), clock.now().tzinfo, "")
        db.session.commit()
        before = waits()
        assert [call for call, _ in before] == [third.pbx_call_id]
        upkeep.rebuild(db.session, rest=lambda _seconds: None)
        assert waits() == before

    def test_calls_from_before_do_not_begin_to_wait(
        self, traveller: time_machine.Traveller, bob: User
    ) -> None:
        talked(traveller)
        db.session.execute(update(CallWrapup).values(waits_since=None))
        db.session.commit()
        fact(FactKind.RECORDED, recording_id="1.1")
        end(last_extension="101")
        upkeep.rebuild(db.session, rest=lambda _seconds: None)
        assert waits() == {}

    def test_only_the_end_costs_a_statement(
        self, traveller: time_machine.Traveller, bob: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[hot_sql.Statement] = []
        run = hot_sql.run

        def count(connection: Any, statement: hot_sql.Statement, *rows: Any) -> Any:
            asked.append(statement)
            return run(connection, statement, *rows)

        monkeypatch.setattr(hot_sql, "run", count)
        ring("101")
        answer("101")
        assert hot_sql.WAIT_FOR_WRITE_UP not in asked
        end(last_extension="101")
        fact(FactKind.RECORDED, recording_id="1.1")
        assert asked.count(hot_sql.WAIT_FOR_WRITE_UP) == 1
        assert hot_sql.WAIT_NO_MORE not in asked


class TestTheCounter:
    def test_it_counts_mine_of_the_last_day_but_the_one_that_is_open(
        self, traveller: time_machine.Traveller, bob: User, erin: User
    ) -> None:
        first, second = talked(traveller, "in_1"), talked(traveller, "in_2")
        assert (waiting.open_count(bob), waiting.open_count(erin)) == (2, 0)
        assert waiting.open_count(bob, but=second.id) == 1
        traveller.shift(timedelta(hours=23, minutes=59))
        assert [item.call for item in waiting.waiting(bob)] == [second]
        assert waiting.open_count(bob) == 1
        assert [item.call for item in waiting.waiting(bob, None)] == [second, first]

    def test_what_is_saved_or_dismissed_waits_no_more(
        self, traveller: time_machine.Traveller, bob: User
    ) -> None:
        first, second = talked(traveller, "in_1"), talked(traveller, "in_2")
        wrapups.save(first, bob, WrittenUp("done"), clock.now().tzinfo, "")
        assert [item.call for item in waiting.waiting(bob)] == [second]
        waiting.dismiss(second, bob)
        assert waiting.waiting(bob, None) == []
        assert waiting.open_count(bob) == 0

    def test_a_folded_call_goes_on_waiting(
        self, traveller: time_machine.Traveller, bob: User
    ) -> None:
        call = talked(traveller)
        waiting.fold(call, bob)
        assert wrapups.existing(call, bob).folded_at == clock.now()
        assert waiting.open_count(bob) == 1

    def test_it_names_whom_the_call_was_with_and_how_long_it_took(
        self, traveller: time_machine.Traveller, bob: User
    ) -> None:
        ana = make_contact("Ana Sousa", phones=("910 000 042",))
        talked(traveller)
        talked(traveller, "in_2", caller="+351910000077")
        unknown, known = waiting.waiting(bob)
        assert (list(known.people), known.talk_seconds) == ([ana], 65)
        assert list(unknown.people) == []
