"""The journal of notifications: as they came, without secrets, and replayed without a trace."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.fold.facts import Disposition, Fact, FactKind
from crm_app.calls.models import Call, CallFact
from crm_app.calls.store import ledger
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.office.services import FIELDS, change_hours
from crm_app.telephony.routing import phones
from tests.questions import questions
from tests.telephony.conftest import Post, set_switches, start_fields

PAGE = "/telephony/journal"
ANA = "+351910000042"
# A Monday, eleven in Lisbon.
MORNING = datetime(2026, 3, 2, 11, tzinfo=UTC)


@pytest.fixture
def browser(connected: Flask, dora: User, client_of: Callable[[User], FlaskClient]) -> FlaskClient:
    """A manager's browser."""
    client = client_of(dora)
    db.session.rollback()
    return client


def hear(kind: FactKind, call: str, at: datetime, **told: object) -> None:
    """Let a fact have been received."""
    fact = Fact(kind, call, at, **told)  # type: ignore[arg-type]
    ledger.record(db.session.connection(), fact, f"event=x&pbx_call_id={call}")
    db.session.commit()


def listed(browser: FlaskClient, query: str = "") -> list[int]:
    """Read the ids of the facts on a page."""
    page = browser.get(f"{PAGE}?{query}")
    assert page.status_code == 200
    db.session.rollback()
    return [int(found) for found in re.findall(r'data-fact-id="(\d+)"', page.text)]


def posted(post: Post, **changes: str) -> int:
    """Let the PBX post the start of a call; gives the id of its fact."""
    assert post(start_fields(**changes)).status_code == 200
    return db.session.scalars(select(CallFact.id).order_by(CallFact.id.desc())).all()[0]


def counted() -> list[int | None]:
    """Count every row of the office."""
    db.session.rollback()
    return [
        db.session.scalar(select(func.count()).select_from(table))
        for table in db.metadata.sorted_tables
    ]


def test_it_is_narrowed_by_kind_call_number_and_time(app: Flask, browser: FlaskClient) -> None:
    for day in range(4):
        at = MORNING + timedelta(days=day)
        number = ANA if day % 2 else "+351910000099"
        hear(FactKind.STARTED, f"in_{day}", at, caller=number)
        hear(FactKind.ENDED, f"in_{day}", at + timedelta(minutes=1), caller=number)
    ids = list(db.session.scalars(select(CallFact.id).order_by(CallFact.received_at.desc())))
    call = db.session.scalars(select(Call.id).where(Call.pbx_call_id == "in_2")).one()
    db.session.rollback()
    assert listed(browser) == ids
    assert listed(browser, "kind=ended") == ids[::2]
    assert listed(browser, "kind=nonsense") == ids
    assert listed(browser, "call=in_2") == listed(browser, f"call={call}") == ids[2:4]
    assert listed(browser, "call=in_9") == []
    assert listed(browser, "number=910000042") == [*ids[:2], *ids[4:6]]
    assert listed(browser, "number=910000042&kind=started&until=2026-03-03") == [ids[5]]
    assert listed(browser, "since=2026-03-04&until=2026-03-04") == ids[2:4]
    assert listed(browser, "since=never") == []


def test_its_pages_hold_each_fact_once_and_cost_the_same(app: Flask, browser: FlaskClient) -> None:
    for number in range(60):
        at = MORNING + timedelta(seconds=number)
        hear(FactKind.STARTED, f"in_{number}", at, caller=ANA)
        hear(FactKind.RANG, f"in_{number}", at, caller=ANA, extension="101")
    seen, query, costs = [], "", []
    while True:
        with questions() as asked:
            page = browser.get(f"{PAGE}?{query}").text
        db.session.rollback()
        costs.append(len(asked))
        seen += re.findall(r'data-fact-id="(\d+)"', page)
        following = re.search(r'rel="next" href="[^"]*cursor=([^"&]+)', page)
        if following is None:
            break
        query = f"cursor={following[1]}"
    assert len(seen) == len(set(seen)) == 120
    assert len(costs) == 3
    assert len(set(costs)) == 1


def test_it_shows_what_was_posted_but_nothing_that_opens_a_recording(
    app: Flask, browser: FlaskClient, post: Post
) -> None:
    recording = {
        "event": "NOTIFY_RECORD",
        "call_id_with_rec": "1585913205.75283",
        "pbx_call_id": "in_" + "6f1d" * 10,
        "audio_link": "https://api.zadarma.com/v1/pbx/record/download/t0ken/a.mp3",
    }
    assert post(recording).status_code == 200
    fact = db.session.scalars(select(CallFact.id)).all()[-1]
    db.session.rollback()
    page = browser.get(f"{PAGE}/{fact}").text
    assert "1585913205.75283" in page
    assert "audio_link" in page
    assert "t0ken" not in page
    assert browser.get(f"{PAGE}/999999").status_code == 404


def test_a_replay_shows_what_would_follow_today_and_stores_nothing(
    app: Flask, browser: FlaskClient, post: Post, responsible: User
) -> None:
    fact = posted(post, caller_id=ANA)
    db.session.rollback()
    unknown = browser.post(f"{PAGE}/{fact}/replay").text
    assert "<code>{}</code>" in unknown
    # Since then the caller has got a name.
    make_contact("Ana Sousa", phones=(ANA,))
    before = counted()
    db.session.rollback()
    known = browser.post(f"{PAGE}/{fact}/replay").text
    assert "Ana Sousa" in known
    assert "caller_name" in known
    assert counted() == before
    # Today's switches count, too.
    set_switches(app, caller_name="off")
    silent = browser.post(f"{PAGE}/{fact}/replay").text
    assert "caller_name" not in silent


def test_a_replay_asks_the_office_s_hours_in_its_own_time(
    app: Flask, browser: FlaskClient, post: Post, alice: User, bob: User
) -> None:
    change_hours(dict.fromkeys(FIELDS, "9-18") | {"holidays": ""}, alice)
    make_contact("Ana Sousa", phones=(ANA,), responsible=bob)
    set_switches(app, route_to_responsible="on")
    # In Lisbon it is summer: ten to six, and twenty past.
    for clock_time, is_open in (("16:50", True), ("17:20", False)):
        with time_machine.travel(f"2026-07-06T{clock_time}:00Z", tick=False):
            phones.keep({bob.extension or "": True})
            db.session.commit()
            fact = posted(post, caller_id=ANA, pbx_call_id=f"in_{clock_time}")
            db.session.rollback()
        replayed = browser.post(f"{PAGE}/{fact}/replay").text
        assert "Ana Sousa" in replayed
        assert ("redirect" in replayed) == is_open


def test_a_replay_of_an_end_says_that_a_call_back_follows(
    app: Flask, browser: FlaskClient, responsible: User
) -> None:
    at = clock.now()
    hear(FactKind.STARTED, "in_1", at, caller=ANA)
    hear(FactKind.RANG, "in_1", at, caller=ANA, extension="101")
    fact = Fact(
        FactKind.ENDED, "in_1", at + timedelta(seconds=40), caller=ANA,
        disposition=Disposition.NO_ANSWER, talk_seconds=0,
    )  # fmt: skip
    ledger.record(db.session.connection(), fact, "")
    db.session.commit()
    row = db.session.scalars(select(CallFact.id).where(CallFact.kind == FactKind.ENDED)).one()
    before = counted()
    page = browser.post(f"{PAGE}/{row}/replay").text
    assert 'data-replay-job="call_back"' in page
    assert "Missed" in page
    assert counted() == before


def test_a_replay_says_what_today_s_code_reads_otherwise(app: Flask, browser: FlaskClient) -> None:
    with time_machine.travel(MORNING, tick=False):
        raw = (
            "event=NOTIFY_START&call_start=2026-03-02+11%3A00%3A00&pbx_call_id=in_1"
            "&caller_id=%2B351910000042&called_did=351210000001"
        )
        stored = Fact(FactKind.STARTED, "in_1", clock.now(), caller="910000042")
        ledger.record(db.session.connection(), stored, raw)
        db.session.commit()
        fact = db.session.scalars(select(CallFact.id)).one()
        db.session.rollback()
    page = browser.post(f"{PAGE}/{fact}/replay").text
    assert re.search(r"<code>caller</code>: 910000042 → \+351910000042", page)
    assert not re.search(r"→ \w*replay\d", page)


def test_it_is_for_managers(
    connected: Flask, bob: User, client_of: Callable[[User], FlaskClient]
) -> None:
    client = client_of(bob)
    db.session.rollback()
    assert client.get(PAGE).status_code == 403
