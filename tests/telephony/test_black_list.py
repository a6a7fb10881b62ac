"""Whose calls are refused: numbers and prefixes, by whom, until when, and how often."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.fold.facts import FactKind
from crm_app.calls.models import Call, CallFact
from crm_app.demo import make_contact
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.jobs.models import Job
from crm_app.journal.models import JournalEntry
from crm_app.telephony import services
from crm_app.telephony.commands import telephony_cli
from crm_app.telephony.models import BlockedNumber, DirectNumber
from crm_app.telephony.routing import black_list
from crm_app.telephony.routing.own_numbers import NO_CLIENT
from tests.owed import perform
from tests.questions import questions
from tests.telephony.conftest import Post, start_fields

ClientOf = Callable[[User], FlaskClient]
MALLORY = "+351910000042"
BUSY = {"redirect": "blacklist"}


def run(app: Flask, *arguments: str) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(telephony_cli, list(arguments))
    db.session.rollback()
    return result.exit_code, result.output


def listed(app: Flask) -> list[dict[str, Any]]:
    code, text = run(app, "black-list", "--json")
    assert code == 0
    found: list[dict[str, Any]] = json.loads(text)["numbers"]
    return found


def block(typed: str = MALLORY, by: User | None = None, **more: Any) -> BlockedNumber:
    row = black_list.block(typed, "PT", by, **more)
    db.session.commit()
    return row


@pytest.mark.parametrize(
    ("typed", "calls"),
    [
        (MALLORY, MALLORY),
        ("910 000 042", "351910000042"),
        ("+35191*", MALLORY),
        ("00351 91 000*", MALLORY),
        ("+351910000042*", MALLORY),
        ("16200", "16200"),
        ("+5511987654321", "+551187654321"),
    ],
)
def test_a_listed_number_hears_the_busy_tone_and_its_call_is_blocked(
    post: Post, typed: str, calls: str
) -> None:
    block(typed)
    assert post(start_fields(caller_id=calls)).get_json() == BUSY
    call = db.session.scalars(select(Call)).one()
    assert call.status == "blocked"


@pytest.mark.parametrize("typed", ["+351910000043", "+35192*", "+3519100000422*"])
def test_all_others_get_through(post: Post, typed: str) -> None:
    block(typed)
    assert post(start_fields()).get_json() == {}


def test_a_refused_call_makes_nothing_else(post: Post, responsible: User) -> None:
    make_contact("Mallory", phones=(MALLORY,), responsible=responsible)
    block()
    # What the entry itself makes: call-backs that are open are finished.
    perform(NO_CLIENT)
    fields = start_fields()
    assert post(fields).get_json() == BUSY
    end = {"event": "NOTIFY_END", "duration": "0", "disposition": "busy", "status_code": "17"}
    post(fields | end | {"internal": "", "is_recorded": "0"})
    facts = list(db.session.scalars(select(CallFact.kind).order_by(CallFact.id)))
    assert facts == [FactKind.STARTED, FactKind.REFUSED, FactKind.ENDED]
    assert db.session.scalars(select(Call.status)).one() == "blocked"
    assert db.session.scalars(select(Job.kind).where(Job.done_at.is_(None))).all() == []


def test_each_refused_call_is_counted_once(app: Flask, post: Post) -> None:
    block("+35191*")
    block()
    for again in range(3):
        fields = start_fields(pbx_call_id=f"in_{again}" + "6f1d" * 9)
        assert [post(fields).get_json() for _twice in "12"] == [BUSY, BUSY]
    # The longer of two that match is the one that says why.
    assert {row["number"]: row["count"] for row in listed(app)} == {MALLORY: 3, "+35191*": 0}


@pytest.mark.parametrize(
    ("mode", "answer", "status"),
    [("busy", BUSY, "blocked"), ("hangup", {"hangup": 1}, "blocked"), ("off", {}, "ringing")],
)
def test_the_switch_says_how_calls_are_refused(
    app: Flask, post: Post, mode: str, answer: dict[str, Any], status: str
) -> None:
    block()
    assert run(app, "switches", "black_list", mode)[0] == 0
    app.extensions["telephony_links"].forget()
    assert post(start_fields()).get_json() == answer
    assert db.session.scalars(select(Call.status)).one() == status


def test_an_entry_ends_by_itself(app: Flask, post: Post) -> None:
    until = clock.now() + timedelta(days=1)
    block(until=until)
    assert listed(app)[0]["until"] == until.isoformat()
    with time_machine.travel(until, tick=False):
        assert post(start_fields()).get_json() == {}
        assert listed(app) == []
    with time_machine.travel(until + timedelta(days=31), tick=False):
        black_list.forget_expired()
    assert db.session.scalar(select(func.count()).select_from(BlockedNumber)) == 0


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("101", "number_own"),
        ("+351210000001", "number_own"),
        ("912 345 678", "number_own"),
        ("+35121*", "prefix_own"),
        ("+351912*", "prefix_own"),
        ("+35*", "prefix_own"),
        ("912*", "prefix_without_plus"),
        ("+3*", "prefix_short"),
        ("+*", "prefix_without_plus"),
        ("nobody", "number_not_a_number"),
        ("", "number_not_a_number"),
    ],
)
def test_own_numbers_and_what_is_no_number_are_refused(bob: User, typed: str, code: str) -> None:
    bob.mobile = "+351912345678"
    db.session.add(DirectNumber(number="+351210000001"))
    db.session.commit()
    with pytest.raises(InvalidInputError) as refused:
        block(typed)
    assert (refused.value.code, refused.value.field) == (code, "number")
    assert black_list.in_force() == []


def test_a_colleagues_new_mobile_gets_through_although_it_is_listed(post: Post, bob: User) -> None:
    block()
    bob.mobile = MALLORY
    db.session.commit()
    assert post(start_fields()).get_json() == {}


def test_commands_block_list_and_unblock(app: Flask) -> None:
    code, text = run(app, "block", "910 000 042", "--reason", "Sells", "--until", "2099-12-30")
    assert (code, text) == (0, f"{MALLORY} is on the black list.\n")
    (row,) = listed(app)
    assert row == {
        "number": MALLORY, "reason": "Sells", "by": None,
        "until": "2099-12-31T00:00:00+00:00", "count": 0,
    }  # fmt: skip
    assert run(app, "black-list")[1].split() == [MALLORY, "0", "until", "2099-12-30", "Sells"]
    # Once more is a change of the same entry.
    assert run(app, "block", MALLORY, "--reason", "Robot")[0] == 0
    assert [(row["reason"], row["until"]) for row in listed(app)] == [("Robot", None)]
    assert run(app, "black-list")[1].split() == [MALLORY, "0", "Robot"]
    assert run(app, "unblock", MALLORY)[0] == 0
    assert listed(app) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("block", "nobody"), "This is not a phone number."),
        (("block", MALLORY, "--until", "2001-01-01"), "This is over already."),
        (("block", MALLORY, "--until", "soon"), "'soon' is no time."),
        (("block", MALLORY, "--until", "9999-12-31"), "more than a hundred years away"),
        (("unblock", MALLORY), "This number is not on the black list."),
    ],
)
def test_commands_refuse_in_one_clear_line(
    app: Flask, arguments: tuple[str, ...], sentence: str
) -> None:
    code, text = run(app, *arguments)
    assert code != 0
    assert sentence in text
    assert listed(app) == []


def test_the_command_says_that_the_switch_is_off(app: Flask) -> None:
    services.set_switches({"black_list": "off"})
    db.session.commit()
    assert "nothing is refused" in run(app, "block", MALLORY)[1]


def test_one_button_of_a_call_blocks_its_number(
    app: Flask, post: Post, bob: User, client_of: ClientOf
) -> None:
    make_contact("Mallory", phones=(MALLORY,), responsible=bob)
    post(start_fields())
    call_id = db.session.scalars(select(Call.id)).one()
    db.session.rollback()
    client, htmx = client_of(bob), {"HX-Request": "true"}
    asks = "/telephony/black-list/new?number=%2B351910000042"
    for page in (f"/calls/{call_id}", "/contacts/" + str(contact_id())):
        text = client.get(page).text
        assert 'data-action="block"' in text
        assert asks in text
    asked = client.get(asks, headers=htmx).text
    assert "Refuse calls from 910 000 042?" in asked
    said = {"number": MALLORY, "reason": "Rude", "button": "yes"}
    answer = client.post("/telephony/black-list", data=said, headers=htmx)
    assert "910 000 042 is on the black list." in answer.text
    assert [(row["by"], row["reason"]) for row in listed(app)] == [(bob.email, "Rude")]
    # Asked again, the button says that it is there and offers the way back.
    assert "Take it off" in client.get(asks, headers=htmx).text
    back = {"number": MALLORY, "button": "yes"}
    client.post("/telephony/black-list/remove", data=back, headers=htmx)
    assert listed(app) == []
    actions = [one.action for one in db.session.scalars(select(JournalEntry))]
    assert actions[-2:] == ["number_blocked", "number_unblocked"]


def contact_id() -> int:
    from crm_app.contacts.models import Contact

    return db.session.scalars(select(Contact.id)).one()


def test_the_button_refuses_a_number_of_the_office(bob: User, client_of: ClientOf) -> None:
    client, htmx = client_of(bob), {"HX-Request": "true"}
    asked = client.get("/telephony/black-list/new?number=101", headers=htmx).text
    assert "cannot be blocked" in asked
    assert 'name="reason"' not in asked
    said = {"number": "101", "button": "yes"}
    answer = client.post("/telephony/black-list", data=said, headers=htmx)
    assert (answer.status_code, "cannot be blocked" in answer.text) == (422, True)


def test_the_page_lists_finds_adds_and_takes_off(
    app: Flask, alice: User, bob: User, client_of: ClientOf
) -> None:
    client = client_of(bob)
    assert "Nobody is blocked" in client.get("/telephony/black-list").text
    said = {"number": "910 000 042", "reason": "Sells", "until_on": "2099-12-31"}
    assert client.post("/telephony/black-list", data=said).status_code == 303
    page = client.get("/telephony/black-list").text
    for words in ("910 000 042", "Sells", "Bob Agent", "0 calls refused", "Take it off"):
        assert words in page, words
    assert "910 000 042" in client.get("/telephony/black-list?q=sell").text
    assert "matches" in client.get("/telephony/black-list?q=zzz").text
    assert client.post("/telephony/black-list/remove", data={"number": MALLORY}).status_code == 303
    assert listed(app) == []


def test_agents_block_no_prefix_and_take_off_only_their_own(
    app: Flask, alice: User, bob: User, client_of: ClientOf
) -> None:
    block(by=alice)
    client = client_of(bob)
    refused = client.post("/telephony/black-list", data={"number": "+35191*"})
    assert (refused.status_code, "Only managers" in refused.text) == (422, True)
    assert "Take it off" not in client.get("/telephony/black-list").text
    client.post("/telephony/black-list/remove", data={"number": MALLORY})
    assert len(listed(app)) == 1
    manager = client_of(alice)
    assert manager.post("/telephony/black-list", data={"number": "+35191*"}).status_code == 303
    manager.post("/telephony/black-list/remove", data={"number": MALLORY})
    assert [row["number"] for row in listed(app)] == ["+35191*"]


def test_agents_cannot_make_theirs_what_another_blocked(
    app: Flask, alice: User, bob: User, client_of: ClientOf
) -> None:
    block(by=alice, reason="Threats")
    client, htmx = client_of(bob), {"HX-Request": "true"}
    shown = client.get("/telephony/black-list/new?number=%2B351910000042", headers=htmx).text
    assert ("is on the black list" in shown, "Take it off" in shown) == (True, False)
    said = {"number": MALLORY, "until_on": "2099-12-31", "button": "yes"}
    refused = client.post("/telephony/black-list", data=said, headers=htmx)
    assert (refused.status_code, "Ask a manager" in refused.text) == (422, True)
    kept = client.post("/telephony/black-list/remove", data=said, headers=htmx).text
    assert "is on the black list" in kept
    assert [(row["by"], row["until"]) for row in listed(app)] == [(alice.email, None)]


def test_what_has_expired_can_be_blocked_by_anybody(
    app: Flask, alice: User, bob: User, client_of: ClientOf
) -> None:
    until = clock.now() + timedelta(days=1)
    block(by=alice, until=until)
    with time_machine.travel(until, tick=False):
        asks = "/telephony/black-list/new?number=%2B351910000042"
        client, htmx = client_of(bob), {"HX-Request": "true"}
        assert "Refuse calls from" in client.get(asks, headers=htmx).text
        said = {"number": MALLORY, "button": "yes"}
        assert "Take it off" in client.post("/telephony/black-list", data=said, headers=htmx).text
        assert [row["by"] for row in listed(app)] == [bob.email]


def test_the_list_is_paged_with_the_same_number_of_questions(
    app: Flask, alice: User, client_of: ClientOf
) -> None:
    client = client_of(alice)
    block("+351910000000", alice)
    client.get("/telephony/black-list")
    with questions() as few:
        client.get("/telephony/black-list")
    for number in range(60):
        black_list.block(f"+3519100001{number:02}", "PT", alice)
    db.session.commit()
    with questions() as many:
        page = client.get("/telephony/black-list").text
    assert page.count("data-blocked=") == 50
    assert len(many) <= len(few)


def test_an_entry_of_the_past_needs_a_day_to_come(bob: User, client_of: ClientOf) -> None:
    said = {"number": MALLORY, "until_on": "2001-01-01"}
    answer = client_of(bob).post("/telephony/black-list", data=said)
    assert (answer.status_code, "This is over already." in answer.text) == (422, True)


def test_times_of_commands_are_those_of_the_office(app: Flask) -> None:
    run(app, "block", MALLORY, "--until", "2099-07-01T12:00")
    assert datetime.fromisoformat(listed(app)[0]["until"]).hour == 11


def test_a_chosen_day_is_the_last_one_by_the_offices_clock(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    bob.timezone = "Asia/Tokyo"
    db.session.commit()
    with time_machine.travel("2026-07-03T12:00Z", tick=False):
        client = client_of(bob)
        said = {"number": MALLORY, "until_on": "2026-07-03"}
        assert client.post("/telephony/black-list", data=said).status_code == 303
        assert listed(app)[0]["until"] == "2026-07-03T23:00:00+00:00"
        assert "until 3 Jul 2026" in client.get("/telephony/black-list").text


def test_a_year_that_was_mistyped_is_refused_and_stays_in_the_form(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    said = {"number": MALLORY, "reason": "Sells", "until_on": "9999-12-31"}
    answer = client_of(bob).post("/telephony/black-list", data=said)
    assert (answer.status_code, listed(app)) == (422, [])
    for words in ("more than a hundred years away", 'value="9999-12-31"', 'value="Sells"'):
        assert words in answer.text, words


def test_a_prefix_of_known_clients_is_asked_about_first(
    app: Flask, alice: User, client_of: ClientOf
) -> None:
    make_contact("Joana", phones=(MALLORY, "+351910000043"))
    make_contact("Rui", phones=("+351910000044",))
    make_contact("Eva", phones=("+351930000001",))
    db.session.commit()
    client, said = client_of(alice), {"number": "+35191*", "reason": "Sells"}
    asked = client.post("/telephony/black-list", data=said)
    assert (asked.status_code, listed(app)) == (422, [])
    for words in ("The numbers of 2 clients begin with this", 'value="Sells"', 'value="+35191*"'):
        assert words in asked.text, words
    # The answer holds for what was asked about.
    other = client.post("/telephony/black-list", data={"number": "+351*", "confirm": "+35191*"})
    assert (other.status_code, "3 clients" in other.text) == (422, True)
    assert (
        client.post("/telephony/black-list", data=said | {"confirm": "+35191*"}).status_code == 303
    )
    assert [row["number"] for row in listed(app)] == ["+35191*"]
    code, text = run(app, "block", "+3519*")
    assert (code, "The numbers of 3 clients begin with this" in text) == (0, True)
    assert {row["number"] for row in listed(app)} == {"+35191*", "+3519*"}
