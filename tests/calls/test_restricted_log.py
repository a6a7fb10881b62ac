"""The log of an agent who sees only their own calls: the right ones, and from indexes alone."""

import random
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert, select, update

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb, allowed
from crm_app.accounts.services import change_office
from crm_app.calls import listing
from crm_app.calls.fold.facts import Fact, FactKind
from crm_app.calls.models import Call, CallLeg
from crm_app.calls.services import attach_contact, match_contact
from crm_app.calls.store.ledger import record
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact, make_lead
from crm_app.extensions import db
from crm_app.local_time import LocalTime
from crm_app.telephony.dialling.models import DialRequest, DialState
from tests.plans import plan_of

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ANA = "+351910000042"
UTC_CLOCK = LocalTime.of("UTC")
SignIn = Callable[[User], FlaskClient]


@pytest.fixture
def restricted(alice: User, bob: User) -> User:
    """Bob, in an office where agents see only their own."""
    change_office("", restricts_agents=True, by=alice)
    db.session.commit()
    return bob


def many_calls(count: int, bob: User, other: User, anas: Contact) -> None:
    """Fill a log in which Bob sees some calls for one reason and some for several."""
    chance = random.Random(5)
    whose = [None] * 9 + [other.id] * 9 + [bob.id] * 2
    calls: list[dict[str, Any]] = []
    for number in range(count):
        is_anas = chance.random() < 0.1
        calls.append(
            {
                "pbx_call_id": f"in_{number}",
                "direction": "inbound",
                "phase": "ended",
                "status": chance.choice(["missed", "answered"]),
                "started_at": NOON + timedelta(hours=number // 3),
                "user_id": chance.choice(whose),
                "contact_id": anas.id if is_anas else None,
                "responsible_id": anas.responsible_id if is_anas else None,
                "is_own_leg": chance.random() < 0.1,
            }
        )
    db.session.execute(insert(Call), calls)
    rows = db.session.execute(select(Call.id, Call.started_at).order_by(Call.id)).all()
    legs = [
        {"call_id": row.id, "started_at": row.started_at, "extension": extension, "user_id": user}
        for row in rows
        for extension in chance.sample(["101", "102", "103", "104"], 2)
        if (user := chance.choice(whose))
    ]
    db.session.execute(insert(CallLeg), legs)
    db.session.commit()


def expected(user: User, wanted: listing.CallFilter) -> list[int]:
    """What the whole log holds of a user, by the rule in its plainest form."""
    statement = allowed(user, Call, Verb.VIEW).where(
        *wanted.conditions(user, UTC_CLOCK), ~Call.is_own_leg
    )
    return [
        call.id
        for call in db.session.scalars(
            statement.order_by(Call.started_at.desc(), Call.id.desc())
        ).unique()
    ]


@pytest.mark.parametrize(
    "wanted",
    [
        listing.CallFilter(),
        listing.CallFilter(result="missed"),
        listing.CallFilter(since="2026-03-03", until="2026-03-13"),
    ],
    ids=["all", "status", "days"],
)
def test_it_pages_through_exactly_the_calls_that_are_their_own(
    restricted: User, dora: User, wanted: listing.CallFilter
) -> None:
    many_calls(900, restricted, dora, make_contact("Ana", responsible=restricted))
    ids = expected(restricted, wanted)
    assert len(ids) > 100
    pages = [listing.list_calls(restricted, wanted, UTC_CLOCK)]
    while pages[-1].next:
        pages.append(listing.list_calls(restricted, wanted, UTC_CLOCK, pages[-1].next))
    seen = [[call.id for call in page.rows] for page in pages]
    assert [call_id for page in seen for call_id in page] == ids
    assert {len(page) for page in seen[:-1]} == {50}
    back = pages[-1]
    for page in reversed(seen[:-1]):
        back = listing.list_calls(restricted, wanted, UTC_CLOCK, back.previous)
        assert [call.id for call in back.rows] == page
    assert back.previous == ""


def test_it_reads_each_reason_to_see_a_call_in_the_order_of_an_index(
    restricted: User, dora: User
) -> None:
    filters = (listing.CallFilter(), listing.CallFilter(result="missed", line="+351210000001"))
    for reason in [
        reason for wanted in filters for reason in listing.reasons(restricted, wanted, UTC_CLOCK)
    ]:
        ordered = reason.rows.order_by(*[key.desc() for key in reason.keys]).limit(51)
        plan = plan_of(partial(db.session.execute, ordered))
        assert re.search("ix_call_list_(user|responsible)|ix_call_leg_list", plan), plan
        assert "SORT" not in plan.upper()
        assert "TEMP B-TREE" not in plan.upper()
        assert not re.search(r"SCAN call\b|Seq Scan on call\b", plan), plan


def test_a_call_moves_with_its_contact_to_whoever_is_responsible_now(
    restricted: User, dora: User, client_of: SignIn
) -> None:
    ana = make_contact("Ana", phones=(ANA,), responsible=dora)
    call_id = ring()
    assert shown(client_of(restricted)) == []
    ana.responsible = restricted
    db.session.commit()
    assert shown(client_of(restricted)) == [call_id]
    # Also by a statement that no session knows of.
    db.session.execute(update(Contact).values(responsible_id=dora.id))
    db.session.commit()
    assert shown(client_of(restricted)) == []


def test_a_call_moves_to_whoever_is_responsible_for_the_contact_that_is_chosen(
    restricted: User, dora: User, client_of: SignIn
) -> None:
    make_contact("Ana", phones=(ANA,), responsible=dora)
    rui = make_contact("Rui", responsible=restricted)
    call = db.session.get_one(Call, ring())
    attach_contact(call, rui, dora)
    db.session.commit()
    assert shown(client_of(restricted)) == [call.id]
    match_contact(call, dora)
    db.session.commit()
    assert shown(client_of(restricted)) == []


def test_a_call_that_was_clicked_is_with_the_contact_of_the_click(
    restricted: User, dora: User, post: Any, client_of: SignIn
) -> None:
    lead = make_lead("Roof", contact=make_contact("Rui", responsible=restricted))
    db.session.add(
        DialRequest(
            user_id=dora.id, extension="103", number=ANA, state=DialState.ACCEPTED,
            contact_id=lead.contact_id, lead_id=lead.id,
        )
    )  # fmt: skip
    db.session.commit()
    post("NOTIFY_OUT_START", destination=ANA, internal="103")
    assert len(shown(client_of(restricted))) == 1


def test_a_stale_copy_shows_nothing_that_is_not_theirs(
    restricted: User, dora: User, client_of: SignIn
) -> None:
    make_contact("Ana", phones=(ANA,), responsible=dora)
    ring()
    db.session.execute(update(Call).values(responsible_id=restricted.id))
    db.session.commit()
    assert shown(client_of(restricted)) == []


@pytest.fixture
def post(restricted: User) -> Callable[..., None]:
    """Let the PBX tell of a call, past its door."""
    from crm_app.telephony.webhook import inbox
    from crm_app.telephony.webhook.event_facts import to_fact
    from crm_app.telephony.zadarma.events import parse

    def send(event: str, **fields: str) -> None:
        now = clock.now()
        began = now.strftime("%Y-%m-%d %H:%M:%S")
        told = parse({"event": event, "pbx_call_id": "out_1", "call_start": began, **fields})
        fact = to_fact(told, now, "PT")
        assert fact
        inbox.FactToStore(fact, "")(db.session.connection())
        db.session.commit()

    return send


def ring() -> int:
    """Let a client call whom nobody answers."""
    fact = Fact(FactKind.STARTED, "in_1", NOON, caller=ANA)
    call_id = record(db.session.connection(), fact, "").call_id
    db.session.commit()
    return call_id


def shown(client: FlaskClient) -> list[int]:
    page = client.get("/calls")
    assert page.status_code == 200
    return [int(number) for number in re.findall(r'<tr id="row-of-call-(\d+)"', page.text)]
