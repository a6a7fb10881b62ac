"""What the log of an earlier version lacks is filled in when the office is upgraded."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask_migrate import upgrade
from sqlalchemy import Connection, bindparam, func, select, text, update

from crm_app import clock, search_index
from crm_app.accounts.models import User
from crm_app.calls.models import Call, CallLeg
from crm_app.calls.store import upkeep
from crm_app.contacts.models import Contact
from crm_app.database import UtcDateTime
from crm_app.extensions import db
from crm_app.jobs.models import Job
from tests.house.test_migrations import RELEASES, MakeApp, fill, new_house

__all__ = ["new_house"]


def released_before(revision: str) -> list[Path]:
    """List the releases whose database a migration still had to change."""
    return [
        path
        for path in RELEASES
        if json.loads(path.read_text(encoding="utf-8"))["revision"] < revision
    ]


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.stem)
def test_it_knows_when_old_legs_began_and_who_is_responsible(
    release: object, new_house: MakeApp
) -> None:
    office = json.loads(release.read_text(encoding="utf-8"))  # type: ignore[attr-defined]
    with new_house().app_context():
        upgrade(revision=office["revision"])
        with db.engine.begin() as connection:
            fill(connection, office["tables"])
        upgrade()
        began = select(func.count()).select_from(CallLeg).join(Call)
        assert db.session.scalar(began) > 5
        assert db.session.scalar(began.where(CallLeg.started_at != Call.started_at)) == 0
        assert responsible_differs() == 0
        somebody = db.session.scalars(select(User.id).order_by(User.id.desc())).first()
        db.session.execute(update(Contact).values(responsible_id=somebody))
        db.session.commit()
        copied = select(func.count(Call.id)).where(Call.responsible_id == somebody)
        assert db.session.scalar(copied) > 5
        db.session.rollback()


def responsible_differs() -> int:
    """Count the calls whose copy is not what their contact says."""
    differs = Call.responsible_id.is_distinct_from(Contact.responsible_id)
    rows = select(func.count(Call.id)).outerjoin(Contact, Contact.id == Call.contact_id)
    return db.session.scalar(rows.where(differs)) or 0


OLD_FACTS = {
    "in_short": [{"kind": "started", "caller": "16200"}, {"kind": "ended", "caller": "16200"}],
    "in_user": [
        {"kind": "started", "caller": "777"},
        {"kind": "rang", "caller": "777", "extension": "778"},
    ],
    "in_named": [
        {"kind": "started", "caller": "778"},
        {"kind": "rang", "caller": "778", "extension": "779"},
    ],
    "out_short": [{"kind": "outgoing_started", "called": "4141", "extension": "777"}],
}
THEN = "2026-03-02 12:00:00.000000"
INSERT_FACT = text(
    "INSERT INTO call_fact (id, pbx_call_id, kind, content_key, received_at, data, raw) VALUES"
    " ((SELECT max(id) + 1 FROM call_fact), :pbx_call_id, :kind, :content_key, :then, :data, '')"
)
INSERT_CONTACT = text(
    "INSERT INTO contact (id, name, kind, sort_name, search_text, job_title, address, about,"
    " do_not_call, created_at, updated_at, version) VALUES ((SELECT max(id) + 1 FROM contact),"
    " 'Loja №1', 'company', 'loja No1', 'loja No1 5491123456789', '', '', '', false,"
    " :then, :then, 1)"
)
INSERT_PHONE = text(
    "INSERT INTO contact_phone (id, contact_id, number, kind, is_main, position) VALUES"
    " ((SELECT max(id) + 1 FROM contact_phone), (SELECT max(id) FROM contact), '+5491123456789',"
    " 'work', true, 0)"
)


def tell_old_facts(connection: Connection) -> None:
    """Store facts as an earlier version did, which knew of short numbers that all were ours."""
    connection.execute(
        text('UPDATE "user" SET extension = \'777\' WHERE id = (SELECT min(id) FROM "user")')
    )
    for pbx_call_id, facts in OLD_FACTS.items():
        for place, fact in enumerate(facts):
            told = fact | {
                "pbx_call_id": pbx_call_id,
                "received_at": f"2026-03-02T12:00:0{place}+00:00",
            }
            values = {
                "pbx_call_id": pbx_call_id,
                "kind": fact["kind"],
                "then": THEN,
                "content_key": f"{pbx_call_id}-{place}",
                "data": json.dumps(told),
            }
            connection.execute(INSERT_FACT, values)


@pytest.mark.parametrize("release", released_before("0012"), ids=lambda path: path.stem)
def test_it_knows_of_old_facts_whose_their_short_numbers_were(
    release: object, new_house: MakeApp
) -> None:
    office = json.loads(release.read_text(encoding="utf-8"))  # type: ignore[attr-defined]
    with new_house().app_context():
        upgrade(revision=office["revision"])
        with db.engine.begin() as connection:
            fill(connection, office["tables"])
            tell_old_facts(connection)
            connection.execute(INSERT_CONTACT, {"then": THEN})
            connection.execute(INSERT_PHONE)
            if connection.dialect.name == "postgresql":
                # The rows came with their ids, which the sequences know nothing of.
                for table in ("call", "call_leg"):
                    connection.execute(text(f"SELECT setval('{table}_id_seq', 100000)"))
        upgrade()
        upkeep.rebuild(db.session, rest=lambda _seconds: None)
        calls = db.session.scalars(select(Call).where(Call.pbx_call_id.in_(OLD_FACTS)))
        assert {call.pbx_call_id: (call.direction, call.outside_number) for call in calls} == {
            "in_short": ("inbound", "16200"),
            "in_user": ("internal", ""),
            "in_named": ("internal", ""),
            "out_short": ("outbound", "4141"),
        }
        shop = db.session.scalars(select(Contact).where(Contact.name == "Loja №1")).one()
        assert (shop.sort_name, shop.search_text) == (
            "loja no1",
            "loja no1 5491123456789 541123456789",
        )
        for query in ("№1", "+54 11 2345 6789"):
            assert search_index.find_ids(db.session(), Contact, query) == [shop.id]
        db.session.rollback()


def let_some_go_on(tables: dict[str, list[dict[str, Any]]]) -> None:
    """Take the ends of the latest calls away: they ring, or somebody talks, while we upgrade."""
    ends = {"ended", "outgoing_ended", "recorded", "stopped_ringing", "swept"}
    # Of an outgoing call only its end says that somebody talked.
    inbound = [call for call in tables["call"] if call["direction"] == "inbound"]
    by_time = sorted(inbound, key=lambda call: str(call["started_at"]))
    latest = by_time[-min(20, len(inbound) // 2) :]
    for call in latest:
        phase = "answered" if call["answered_at"] and call["answered_by_extension"] else "ringing"
        call |= {"phase": phase, "ended_at": None, "talk_seconds": None, "disposition": None}
        for leg in tables["call_leg"]:
            if leg["call_id"] == call["id"]:
                leg["stopped_at"] = None
    live = {call["pbx_call_id"] for call in latest}
    tables["call_fact"] = [
        fact
        for fact in tables["call_fact"]
        if fact["pbx_call_id"] not in live or fact["kind"] not in ends
    ]


def where_phones_are() -> dict[object, object]:
    """The state of each leg, how long it talked, and who talks in each call."""
    legs = select(CallLeg.call_id, CallLeg.extension, CallLeg.transferred_from, CallLeg.state)
    found: dict[object, object] = {
        (row.call_id, row.extension, row.transferred_from): (row.state, row.talk_seconds)
        for row in db.session.execute(legs.add_columns(CallLeg.talk_seconds))
    }
    talking = db.session.execute(select(Call.id, Call.talking_user_id))
    return found | {row.id: row.talking_user_id for row in talking}


@pytest.mark.parametrize("release", released_before("0023"), ids=lambda path: path.stem)
def test_it_knows_where_the_phones_of_old_calls_are(release: Path, new_house: MakeApp) -> None:
    office = json.loads(release.read_text(encoding="utf-8"))
    let_some_go_on(office["tables"])
    with new_house().app_context():
        upgrade(revision=office["revision"])
        with db.engine.begin() as connection:
            fill(connection, office["tables"])
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT setval('call_leg_id_seq', 100000)"))
        upgrade()
        before = where_phones_are()
        states = {value[0] for value in before.values() if isinstance(value, tuple)}
        assert states == {"ringing", "talking", "talked", "done"}
        upkeep.rebuild(db.session, rest=lambda _seconds: None)
        assert before == where_phones_are()
        db.session.rollback()


def test_it_owes_the_call_backs_that_the_release_before_had_not_come_to(
    new_house: MakeApp,
) -> None:
    now = clock.now()
    with new_house().app_context():
        upgrade(revision="0015")
        with db.engine.begin() as connection:
            for name, status, age in (
                ("in_new", "missed", timedelta(hours=1)),
                ("in_old", "missed", timedelta(days=30)),
                ("in_talk", "answered", timedelta(hours=1)),
            ):
                connection.execute(
                    text(
                        "INSERT INTO call (pbx_call_id, direction, phase, status, disposition_raw,"
                        " is_own_leg, outside_number, did, started_at, answered_by_extension,"
                        " placed_by_extension, recording_count, contact_is_chosen, updated_at)"
                        " VALUES (:name, 'inbound', 'ended', :status, '', false, '+351910000042',"
                        " '', :at, '', '', 0, false, :at)"
                    ).bindparams(bindparam("at", now - age, UtcDateTime())),
                    {"name": name, "status": status},
                )
        upgrade()
        jobs = db.session.scalars(select(Job)).all()
        assert [(job.kind, job.payload) for job in jobs] == [("call_back", {"call": "in_new"})]
        assert abs(jobs[0].due_at - now) < timedelta(minutes=5)
        db.session.rollback()
