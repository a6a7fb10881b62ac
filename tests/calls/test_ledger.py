"""The ledger: facts are stored once, calls follow them, and the right people are told."""

import itertools
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import create_engine, func, select, update
from sqlalchemy.orm import Session

from crm_app.accounts.models import User
from crm_app.calls.fold.facts import Disposition, Fact, FactKind
from crm_app.calls.fold.lifecycle import fold
from crm_app.calls.models import Call, CallFact, CallLeg, CallRecording, CallWrapup
from crm_app.calls.store import ledger, upkeep
from crm_app.calls.store.ledger import CallIsFullError, Recorded, record
from crm_app.demo import make_contact, make_lead, make_user
from crm_app.extensions import db
from tests.calls.test_lifecycle_properties import SANE
from tests.calls.test_lifecycle_scenarios import CALLS, facts_of
from tests.plans import plan_of

# As they are told: what the office knows of their numbers is found where they are stored.
TOLD = [replace(fact, extensions=None, numbers=frozenset()) for fact in SANE]

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ANA = "+351910000042"
STARTED, RANG, ANSWERED, ENDED = (
    FactKind.STARTED,
    FactKind.RANG,
    FactKind.ANSWERED,
    FactKind.ENDED,
)


def tell(kind: FactKind, at: float = 0, pbx_call_id: str = "in_1", **told: Any) -> Recorded:
    """Record one fact as the webhook does, and commit."""
    if pbx_call_id.startswith("in_"):
        told.setdefault("caller", ANA)
    fact = Fact(kind, pbx_call_id, NOON + timedelta(seconds=at), **told)
    recorded = record(db.session.connection(), fact, f"event={kind}")
    db.session.commit()
    return recorded


def the_call() -> Call:
    db.session.expire_all()
    return db.session.scalars(select(Call)).one()


def log() -> dict[str, tuple[object, ...]]:
    """Everything that the projection says, without the ids."""
    db.session.expire_all()
    left_out = {"id", "updated_at"}
    columns = [c.key for c in Call.__table__.columns if c.key not in left_out]
    return {
        call.pbx_call_id: (
            *(getattr(call, name) for name in columns),
            sorted(
                (leg.extension, leg.transferred_from, leg.user_id, leg.rang_at, leg.answered_at)
                for leg in call.legs
            ),
            [recording.recording_id for recording in call.recordings],
        )
        for call in db.session.scalars(select(Call))
    }


@pytest.fixture
def erin(app: Flask) -> User:
    return make_user("Erin Agent", extension="102")


class TestRecord:
    def test_it_keeps_the_fact_and_makes_the_call(self, app: Flask) -> None:
        recorded = tell(STARTED, did="+351210000001")
        assert recorded.is_new
        call = the_call()
        assert (call.id, call.pbx_call_id) == (recorded.call_id, "in_1")
        assert (call.status, call.direction, call.phase) == ("ringing", "inbound", "ringing")
        assert (call.outside_number, call.did) == (ANA, "+351210000001")
        assert call.started_at == NOON
        fact = db.session.scalars(select(CallFact)).one()
        assert (fact.raw, fact.fact.kind) == ("event=started", STARTED)

    def test_it_keeps_a_repeated_fact_once_and_tells_nobody(self, bob: User) -> None:
        first = tell(RANG, extension="101")
        again = tell(RANG, 5, extension="101")
        assert (first.is_new, again.is_new) == (True, False)
        assert (first.tell, again.tell) == ({bob.id}, frozenset())
        assert again.call_id == first.call_id
        assert again.state == first.state
        assert db.session.scalar(select(func.count()).select_from(CallFact)) == 1

    def test_it_follows_a_call_from_ring_to_recording(self, bob: User) -> None:
        tell(STARTED)
        tell(RANG, 1, extension="101")
        tell(ANSWERED, 5, extension="101")
        assert the_call().status == "talking"
        answered = Disposition.ANSWERED
        tell(ENDED, 65, last_extension="101", disposition=answered, talk_seconds=60)
        tell(FactKind.RECORDED, 70, recording_id="1.1")
        call = the_call()
        assert (call.status, call.talk_seconds, call.ring_seconds) == ("answered", 60, 5)
        assert (call.answered_by_extension, call.user) == ("101", bob)
        assert [(leg.extension, leg.user) for leg in call.legs] == [("101", bob)]
        assert call.recording_count == 1
        assert [r.recording_id for r in call.recordings] == ["1.1"]

    def test_it_forgets_a_leg_that_a_later_fact_explains_otherwise(self, app: Flask) -> None:
        tell(ANSWERED, 5, extension="101")
        tell(ANSWERED, 9, extension="103")
        tell(RANG, 8, extension="103", transfer_from="101")
        legs = {(leg.extension, leg.transferred_from) for leg in the_call().legs}
        assert legs == {("101", ""), ("103", "101")}

    def test_it_keeps_the_history_when_an_extension_changes_hands(self, bob: User) -> None:
        tell(ANSWERED, 5, extension="101")
        bob.extension = None
        db.session.commit()
        carol = make_user("Carol New", extension="101")
        tell(ENDED, 60, last_extension="101", disposition=Disposition.ANSWERED, talk_seconds=55)
        assert the_call().user == bob
        upkeep.rebuild(db.session)
        assert the_call().user == bob
        tell(ANSWERED, 90, "in_2", extension="101")
        second = db.session.scalars(select(Call).where(Call.pbx_call_id == "in_2")).one()
        assert second.user == carol

    @pytest.mark.parametrize(
        ("pbx_call_id", "told"),
        [
            ("in_1", {"last_extension": "101", "disposition": Disposition.ANSWERED}),
            ("in_1", {"caller": "101", "disposition": Disposition.ANSWERED}),
            ("out_1", {"caller": "101", "called": ANA, "disposition": Disposition.ANSWERED}),
        ],
        ids=["last", "caller", "placed"],
    )
    def test_it_keeps_with_a_fact_whose_all_its_extensions_were(
        self, bob: User, pbx_call_id: str, told: dict[str, Any]
    ) -> None:
        tell(ENDED, 60, pbx_call_id, talk_seconds=35, **told)
        assert the_call().user == bob
        before = log()
        bob.extension = None
        db.session.commit()
        make_user("Carol New", extension="101")
        upkeep.rebuild(db.session, rest=nothing)
        assert log() == before

    def test_it_asks_the_present_owners_for_a_fact_of_long_ago(self, bob: User) -> None:
        tell(ENDED, 60, last_extension="101", disposition=Disposition.ANSWERED, talk_seconds=35)
        db.session.execute(update(CallFact).values(owners=None))
        db.session.commit()
        upkeep.rebuild(db.session, rest=nothing)
        assert the_call().user == bob

    def test_it_gives_no_call_to_somebody_who_is_disabled(self, app: Flask) -> None:
        make_user("Gone Agent", extension="101", active=False)
        recorded = tell(RANG, extension="101")
        assert recorded.tell == frozenset()
        assert the_call().legs[0].user is None

    def test_it_takes_no_more_of_one_call_than_there_can_be_to_tell(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ledger, "MOST_FACTS", 3)
        for seconds in range(3):
            tell(ENDED, seconds, disposition=Disposition.ANSWERED, talk_seconds=seconds)
        with pytest.raises(CallIsFullError):
            tell(ENDED, 9, disposition=Disposition.ANSWERED, talk_seconds=9)
        db.session.rollback()
        assert the_call().talk_seconds == 2
        again = tell(ENDED, 9, disposition=Disposition.ANSWERED, talk_seconds=2)
        assert not again.is_new
        # Our own closing has room beside what the PBX tells.
        assert tell(FactKind.SWEPT, 99).is_new

    def test_it_changes_nothing_that_was_not_committed(self, app: Flask) -> None:
        record(db.session.connection(), Fact(STARTED, "in_1", NOON, caller=ANA), "")
        db.session.rollback()
        assert db.session.scalars(select(Call)).all() == []
        assert db.session.scalars(select(CallFact)).all() == []


class TestRecordings:
    def test_it_forgets_a_recording_that_a_later_fact_explains_otherwise(self, app: Flask) -> None:
        unanswered = {"called": ANA, "disposition": Disposition.NO_ANSWER, "talk_seconds": 0}
        tell(ANSWERED, 5, "out_1", called="101")
        tell(FactKind.OUTGOING_ENDED, 9, "out_1", recording_id="77.1", **unanswered)
        assert the_call().recording_count == 1
        tell(FactKind.OUTGOING_STARTED, 10, "out_1", called=ANA, extension="101")
        assert the_call().recording_count == 0
        assert the_call().recordings == []

    def test_it_lists_a_recording_with_every_call_that_names_it(self, app: Flask) -> None:
        for name in ("in_z", "in_a"):
            tell(FactKind.RECORDED, 9, name, recording_id="99.1")
        before = log()
        upkeep.rebuild(db.session, rest=nothing)
        assert log() == before
        assert [len(call.recordings) for call in db.session.scalars(select(Call))] == [1, 1]


class TestContact:
    def test_it_finds_the_contact_by_the_number(self, app: Flask) -> None:
        ana = make_contact("Ana Sousa", phones=("910 000 042",))
        tell(STARTED)
        assert the_call().contact == ana

    def test_it_leaves_a_number_open_that_two_contacts_share(self, app: Flask) -> None:
        make_contact("Ana Sousa", phones=("910 000 042",))
        make_contact("Rui Sousa", phones=("910 000 042",))
        tell(STARTED)
        assert the_call().contact is None

    def test_it_finds_a_contact_whose_number_came_with_a_wrong_country(self, app: Flask) -> None:
        ana = make_contact("Ana Sousa", phones=("910 000 042",))
        tell(STARTED, caller="+999910000042")
        assert the_call().contact == ana

    def test_it_does_not_count_a_contact_in_the_bin(self, app: Flask) -> None:
        make_contact("Old Sousa", phones=("910 000 042",), deleted_at=NOON)
        ana = make_contact("Ana Sousa", phones=("910 000 042",))
        tell(STARTED)
        assert the_call().contact == ana

    def test_it_never_undoes_what_somebody_chose(self, app: Flask) -> None:
        make_contact("Ana Sousa", phones=("910 000 042",))
        rui = make_contact("Rui Sousa")
        tell(STARTED)
        db.session.execute(update(Call).values(contact_id=rui.id, contact_is_chosen=True))
        db.session.commit()
        tell(ENDED, 9, disposition=Disposition.CANCELLED)
        assert (the_call().contact, the_call().status) == (rui, "missed")
        upkeep.rebuild(db.session)
        assert the_call().contact == rui


class TestTelling:
    def test_it_tells_only_the_one_whose_phone_rings(self, bob: User, erin: User) -> None:
        assert tell(STARTED).tell == frozenset()
        assert tell(RANG, 1, extension="101").tell == {bob.id}
        assert tell(RANG, 1, extension="102").tell == {erin.id}

    def test_it_tells_everybody_who_rang_when_one_answers(
        self, bob: User, erin: User, dora: User
    ) -> None:
        for extension in ("101", "102"):
            tell(RANG, 1, extension=extension)
        assert tell(ANSWERED, 5, extension="102").tell == {bob.id, erin.id}
        told = tell(ENDED, 60, disposition=Disposition.ANSWERED, last_extension="102")
        assert told.tell == {bob.id, erin.id}
        assert tell(FactKind.RECORDED, 70, recording_id="1.1").tell == frozenset()

    def test_it_tells_the_one_who_calls_out(self, bob: User) -> None:
        started = FactKind.OUTGOING_STARTED
        assert tell(started, 0, "out_1", called=ANA, extension="101").tell == {bob.id}
        assert tell(ANSWERED, 9, "out_1", called=ANA, caller="101").tell == {bob.id}

    def test_it_tells_nobody_of_a_ring_that_comes_after_the_end(
        self, bob: User, erin: User
    ) -> None:
        tell(RANG, 1, extension="101")
        assert tell(ENDED, 9, disposition=Disposition.CANCELLED).tell == {bob.id}
        late = tell(RANG, 10, extension="102")
        assert late.state.ringing_extensions == ()


class TestSweep:
    def test_it_closes_what_rings_in_silence_and_tells_who_rang(self, bob: User) -> None:
        tell(RANG, 0, extension="101")
        assert upkeep.sweep(db.session, NOON + timedelta(minutes=2, seconds=59)) == []
        swept = upkeep.sweep(db.session, NOON + timedelta(minutes=3))
        db.session.commit()
        assert [recorded.tell for recorded in swept] == [{bob.id}]
        assert (the_call().status, the_call().is_live) == ("unfinished", False)
        assert upkeep.sweep(db.session, NOON + timedelta(minutes=9)) == []

    def test_it_closes_only_so_many_at_once(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(upkeep, "SWEPT_AT_ONCE", 2)
        for number in range(3):
            tell(STARTED, 0, f"in_{number}")
        later = NOON + timedelta(minutes=3)
        assert [len(upkeep.sweep(db.session, later)) for _ in range(3)] == [2, 1, 0]

    def test_it_reads_live_calls_but_never_the_whole_log(self, app: Flask) -> None:
        plan = plan_of(lambda: upkeep.sweep(db.session, NOON))
        assert "ix_call_live" in plan
        assert "ix_call_fact_pbx_call_id" in plan

    def test_it_lets_people_talk_for_hours(self, app: Flask) -> None:
        tell(ANSWERED, 0, extension="101")
        assert upkeep.sweep(db.session, NOON + timedelta(hours=3, minutes=59)) == []
        assert len(upkeep.sweep(db.session, NOON + timedelta(hours=4))) == 1

    def test_it_closes_again_what_spoke_after_the_first_time(self, bob: User) -> None:
        tell(STARTED)
        upkeep.sweep(db.session, NOON + timedelta(minutes=3))
        db.session.commit()
        assert tell(RANG, 240, extension="101").state.status == "ringing"
        assert len(upkeep.sweep(db.session, NOON + timedelta(seconds=240 + 180))) == 1
        assert the_call().status == "unfinished"

    def test_it_gives_way_to_the_true_end(self, app: Flask) -> None:
        tell(RANG, 0, extension="101")
        upkeep.sweep(db.session, NOON + timedelta(minutes=3))
        tell(ENDED, 500, disposition=Disposition.ANSWERED, talk_seconds=400, last_extension="101")
        assert (the_call().status, the_call().talk_seconds) == ("answered", 400)


class TestRebuild:
    def test_it_recomputes_a_log_that_was_lost_or_spoilt(
        self, bob: User, erin: User, cli: FlaskCliRunner
    ) -> None:
        make_contact("Ana Sousa", phones=("910 000 042",))
        for number, scenario in enumerate(CALLS):
            for fact in renamed(facts_of(scenario), number):
                record(db.session.connection(), fact, "")
        db.session.commit()
        before = log()
        assert len(before) > len(CALLS)
        db.session.execute(update(Call).values(status="spoilt", talk_seconds=7, contact_id=None))
        for table in (CallLeg, CallRecording):
            db.session.query(table).delete()
        db.session.query(Call).filter(Call.pbx_call_id.like("%-7")).delete()
        db.session.add(spoilt_call())
        db.session.commit()
        result = cli.invoke(args=["calls", "rebuild"])
        assert result.output == f"{len(before)} calls recomputed.\n"
        assert log() == before

    def test_it_lets_calls_come_in_while_it_works(self, app: Flask, database_url: str) -> None:
        for number in range(45):
            tell(STARTED, number, f"in_{number:02}")
        db.session.remove()
        outside = create_engine(
            database_url.replace("postgresql://", "postgresql+psycopg://"),
            connect_args={"timeout": 0} if database_url.startswith("sqlite") else {},
        )
        arrived: list[float] = []

        def call_comes_in(seconds: float) -> None:
            # Another process, which finds the database free at once.
            with outside.begin() as connection:
                number = len(arrived)
                fact = Fact(STARTED, f"in_+{number}", NOON, caller=ANA)
                record(connection, fact, "")
            arrived.append(seconds)

        assert upkeep.rebuild(db.session, rest=call_comes_in) == 45
        outside.dispose()
        assert len(arrived) == 3
        assert min(arrived) >= 0.01
        assert len(log()) == 45 + len(arrived)

    def test_it_keeps_ids_and_what_people_did(self, bob: User) -> None:
        lead = make_lead("Windows")
        recorded = tell(RANG, extension="101")
        db.session.execute(update(Call).values(lead_id=lead.id))
        db.session.add(CallWrapup(call_id=recorded.call_id, user_id=bob.id, note="call again"))
        db.session.commit()
        assert upkeep.rebuild(db.session) == 1
        assert (the_call().id, the_call().lead) == (recorded.call_id, lead)
        assert db.session.scalars(select(CallWrapup)).one().note == "call again"

    @pytest.mark.parametrize("seed", range(4))
    def test_it_changes_nothing_whatever_was_told_and_whoever_had_which_extension(
        self, app: Flask, seed: int
    ) -> None:
        rng = random.Random(seed)
        people = [make_user(f"Agent {number}") for number in range(4)]
        make_contact("Ana Sousa", phones=("910 000 042",))
        for number in range(60):
            if number % 6 == 0:
                give_extensions(people, rng)
            name = f"{rng.choice(('in', 'out', 'x'))}_{number % 25}"
            fact = replace(rng.choice(TOLD), pbx_call_id=name)
            record(db.session.connection(), fact, "")
        db.session.commit()
        before = log()
        give_extensions(people, rng)
        db.session.commit()
        upkeep.rebuild(db.session, rest=nothing)
        assert log() == before


class TestProjection:
    def test_it_loses_nothing_when_the_facts_of_a_call_are_stored_at_once(self, app: Flask) -> None:
        scenario = next(s for s in CALLS if s["id"] == "in-transfer-blind")
        facts = facts_of(scenario)
        engine = db.engine
        barrier = threading.Barrier(len(facts), timeout=20)

        def store(fact: Fact) -> int:
            with Session(engine) as session:
                barrier.wait()
                call_id = record(session.connection(), fact, "").call_id
                session.commit()
                return call_id

        with ThreadPoolExecutor(len(facts)) as pool:
            ids = set(pool.map(store, facts))
        call, state = the_call(), fold(facts)
        assert ids == {call.id}
        assert (call.status, call.talk_seconds) == ("answered", 85)
        assert [r.recording_id for r in call.recordings] == list(state.recordings)
        assert {(leg.extension, leg.transferred_from) for leg in call.legs} == {
            (leg.extension, leg.transferred_from) for leg in state.legs
        }

    def test_it_is_the_same_whatever_order_the_facts_were_stored_in(self, app: Flask) -> None:
        for extension in ("101", "102", "103", "104", "105"):
            make_user(f"Agent {extension}", extension=extension)
        rng = random.Random(3)
        facts = [f for i, s in enumerate(CALLS) for f in renamed(facts_of(s), i)]
        rng.shuffle(facts)
        for fact in facts:
            record(db.session.connection(), fact, "")
        db.session.commit()
        shown = {call.pbx_call_id: call for call in db.session.scalars(select(Call))}
        for pbx_call_id, told in itertools.groupby(
            sorted(facts, key=lambda f: f.pbx_call_id), key=lambda f: f.pbx_call_id
        ):
            state, call = fold(told), shown[pbx_call_id]
            assert (call.status, call.direction) == (state.status, state.direction)
            assert call.answered_by_extension == state.answered_by
            assert {(leg.extension, leg.transferred_from) for leg in call.legs} == {
                (leg.extension, leg.transferred_from) for leg in state.legs
            }


def renamed(facts: list[Fact], number: int) -> list[Fact]:
    """The facts of one scenario as calls of their own, recordings included."""
    return [
        Fact.from_json(
            fact.to_json()
            .replace(f'"{fact.pbx_call_id}"', f'"{fact.pbx_call_id}-{number}"')
            .replace(f'"recording_id":"{fact.recording_id}', f'"recording_id":"{number}-')
            if fact.recording_id
            else fact.to_json().replace(f'"{fact.pbx_call_id}"', f'"{fact.pbx_call_id}-{number}"')
        )
        for fact in facts
    ]


def give_extensions(people: list[User], rng: random.Random) -> None:
    """Let the extensions change hands; some have none."""
    for user in people:
        user.extension = None
    db.session.flush()
    for user, extension in zip(people, rng.sample(["101", "102", "103", None], 4), strict=True):
        user.extension = extension
    db.session.flush()


def nothing(_seconds: float) -> None:
    """Rest for no time."""


def spoilt_call() -> Call:
    return Call(
        pbx_call_id="in_nobody_spoke_of",
        direction="inbound",
        phase="ended",
        status="missed",
        started_at=NOON,
    )


@pytest.fixture
def cli(app: Flask) -> FlaskCliRunner:
    return app.test_cli_runner()
