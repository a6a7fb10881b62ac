"""Facts that arrive together are stored together, and come out as if each had come alone."""

from collections.abc import Callable
from datetime import timedelta
from itertools import zip_longest
from typing import Any

import pytest
from sqlalchemy import select

from crm_app.accounts.models import User
from crm_app.calls.fold.facts import Fact, FactKind
from crm_app.calls.models import Call, CallFact, CallLeg, CallRecording
from crm_app.calls.store import fact_rows, for_each, hot_sql
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.jobs.models import Job
from crm_app.telephony.routing import black_list, lookup, phones
from crm_app.telephony.switches import Switches
from crm_app.telephony.webhook import inbox
from tests.calls.test_lifecycle_scenarios import CALLS, NOON, facts_of
from tests.plans import presumed_large

Works = list[inbox.FactToStore]
SWITCHES = Switches().changed(
    {"route_to_responsible": "on", "caller_name_with_redirect": "on", "new_client": "always"}
)
STRANGER, LISTED, ANA = "+351930000000", "+351940000001", "+351910000042"


@pytest.fixture(autouse=True)
def office(bob: User, carol: User, dora: User) -> None:
    make_contact("Ana", phones=(ANA,), responsible=bob)
    make_contact("Rui", phones=("+351910000043",))
    phones.keep({"101": True})
    black_list.block(LISTED, "PT", None)
    db.session.commit()


def work_of(fact: Fact) -> inbox.FactToStore:
    return inbox.FactToStore(fact, f"text of {fact.kind}", SWITCHES, "Europe/Lisbon")


def start(call: str, caller: str, **more: Any) -> Fact:
    return Fact(FactKind.STARTED, call, NOON, caller=caller, did="+351210000001", **more)


def outcome(store: Callable[[Works], list[inbox.Stored]], works: Works) -> dict[str, object]:
    """Say what comes of works in an office that forgets them afterwards; rows without their ids."""
    stored = store(works)
    names: dict[int, str] = dict(db.session.execute(select(Call.id, Call.pbx_call_id)).all())  # type: ignore[arg-type]
    said = [
        (names[one.call_id], one.reply, one.tell, one.lists, one.contact_id, one.dial_id)
        for one in stored
    ]

    def rows(*columns: Any) -> list[tuple[Any, ...]]:
        found = db.session.execute(select(*columns)).all()
        return sorted((tuple(row) for row in found), key=repr)

    def columns_of(model: Any, *without: str) -> list[Any]:
        return [column for column in model.__table__.c if column.name not in {"id", *without}]

    seen = {
        "said": said,
        "calls": rows(*columns_of(Call, "updated_at")),
        "facts": rows(*columns_of(CallFact)),
        "legs": sorted(
            (names[row[0]], *row[1:])
            for row in rows(CallLeg.call_id, CallLeg.extension, CallLeg.user_id, CallLeg.state)
        ),
        "recordings": sorted(
            (names[row[0]], row[1])
            for row in rows(CallRecording.call_id, CallRecording.recording_id)
        ),
        "owed": rows(Job.kind, Job.unique_key, Job.payload),
    }
    db.session.rollback()
    return seen


def one_by_one(works: Works) -> list[inbox.Stored]:
    return [work(db.session.connection()) for work in works]


def in_groups_of(size: int) -> Callable[[Works], list[inbox.Stored]]:
    def store(works: Works) -> list[inbox.Stored]:
        found: list[inbox.Stored] = []
        for place in range(0, len(works), size):
            found += inbox.do_all(db.session.connection(), works[place : place + size])
        return found

    return store


def all_calls_at_once() -> Works:
    """Make the facts of all documented calls, as they come when all run at the same time."""
    told = [facts_of(scenario) for scenario in CALLS]
    return [work_of(fact) for turn in zip_longest(*told) for fact in turn if fact is not None]


@pytest.mark.parametrize("size", [2, 7, 32])
def test_every_documented_call_comes_out_the_same_whatever_arrives_with_it(size: int) -> None:
    works = all_calls_at_once()
    assert outcome(in_groups_of(size), works) == outcome(one_by_one, works)


def test_a_whole_call_in_one_group_comes_out_as_if_it_had_come_in_turn() -> None:
    works = [work_of(fact) for scenario in CALLS for fact in facts_of(scenario)]
    assert outcome(in_groups_of(32), works) == outcome(one_by_one, works)


def test_what_is_repeated_in_a_group_is_stored_once() -> None:
    works = [
        work_of(start(call, caller))
        for call, caller in (
            ("in_1", ANA), ("in_2", STRANGER), ("in_1", ANA), ("in_3", LISTED), ("in_3", LISTED),
        )
    ]  # fmt: skip
    together = outcome(in_groups_of(5), works)
    assert together == outcome(one_by_one, works)
    # What we say ourselves of the one that was refused is the fourth.
    assert len(together["facts"]) == 4  # type: ignore[arg-type]


def test_text_that_nobody_expects_is_stored_as_it_came() -> None:
    names = ["Çelik “Büro”", "a\\b", "{}", "null", "'; --", "\U0001f4de", "%(rows)s", ":at"]
    works = [
        work_of(start(f"in_{place}", "", caller_name=name, menu_choice=name))
        for place, name in enumerate(names)
    ]
    together = outcome(in_groups_of(len(works)), works)
    assert together == outcome(one_by_one, works)
    inbox.do_all(db.session.connection(), works)
    assert set(db.session.scalars(select(Call.outside_name))) == set(names)
    db.session.rollback()


def test_a_call_that_another_process_makes_meanwhile_is_read_and_written_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    later = NOON + timedelta(seconds=1)
    rang = Fact(FactKind.RANG, "in_2", later, caller=STRANGER, extension="101")
    works = [work_of(start("in_1", ANA)), work_of(rang), work_of(start("in_3", STRANGER))]
    others = work_of(start("in_2", STRANGER))
    store = fact_rows.store

    def stored_before_another(*given: Any) -> list[fact_rows.Stored | None]:
        found = store(*given)
        monkeypatch.setattr(fact_rows, "store", store)
        others(db.session.connection())
        return found

    monkeypatch.setattr(fact_rows, "store", stored_before_another)
    inbox.do_all(db.session.connection(), works)
    call = db.session.scalars(select(Call).where(Call.pbx_call_id == "in_2")).one()
    assert [leg.extension for leg in call.legs] == ["101"]
    assert db.session.scalars(select(Call.pbx_call_id).order_by(Call.pbx_call_id)).all() == [
        "in_1", "in_2", "in_3",
    ]  # fmt: skip
    db.session.rollback()


class Anything(dict[str, object]):
    """Values for every name that a statement may have."""

    def __missing__(self, name: str) -> object:
        return "[]" if name == "rows" else None


@pytest.mark.parametrize(
    ("on_sqlite", "on_postgresql"),
    [
        (hot_sql.INSERT_FACT.sqlite, for_each.INSERT_FACTS.postgresql),
        (hot_sql.INSERT_CALL.sqlite, for_each.INSERT_CALLS.postgresql),
        (lookup._WHO_CALLS[True]["sqlite"], lookup.WHO_CALLS_FOR_EACH.postgresql),
    ],
    ids=["facts", "calls", "who calls"],
)
def test_it_asks_by_keys_however_long_the_log(on_sqlite: str, on_postgresql: str) -> None:
    connection = db.session.connection()
    cursor = connection.connection.cursor()
    if connection.dialect.name == "sqlite":
        cursor.execute(f"EXPLAIN QUERY PLAN {on_sqlite}", Anything())
        plan = [row[-1] for row in cursor.fetchall()]
        assert any(step.startswith("SEARCH") for step in plan)
        # Few rows were found by then; broken references are looked for only where there are any.
        few = {"CONSTANT", "one", "c", "call_back_event"}
        assert {step.split()[1] for step in plan if step.startswith("SCAN")} <= few, plan
        return
    # As the connections choose that do this; a table that is read whole for a subquery is hashed.
    # Each number is somebody's: of a million phones one is asked for.
    choices = "SET LOCAL enable_seqscan = off", "SET LOCAL plan_cache_mode = force_generic_plan"
    with presumed_large(connection, "contact_phone", *choices):
        cursor.execute(f"EXPLAIN {on_postgresql}", Anything())
        steps = "\n".join(row[0] for row in cursor.fetchall())
    assert "Index" in steps
    for whole in ("Seq Scan", "hashed", "Hash ", "Bitmap Heap Scan on call"):
        assert whole not in steps, steps
