"""Why a call was missed follows from its facts alone, in whatever order they came."""

import random
from typing import Any

import pytest
from flask import Flask

from crm_app.accounts.models import User
from crm_app.calls.fold.facts import Disposition, Fact, FactKind
from crm_app.calls.fold.lifecycle import fold
from crm_app.calls.fold.why_missed import WhyMissed, why_missed
from crm_app.calls.models import Call
from crm_app.extensions import db
from tests.calls.test_call_log import ANA, NOON, SignIn, missed, shown
from tests.calls.test_lifecycle_scenarios import CALLS, calls_of, facts_of

# By scenario, of its last call.
REASONS = {
    "in-missed-cancel": WhyMissed.GAVE_UP,
    "in-missed-no-answer": WhyMissed.NO_ANSWER,
    "in-busy": WhyMissed.BUSY,
    "in-line-limit": WhyMissed.LIMIT,
    "in-cancel-in-menu": WhyMissed.EARLY,
    "in-blacklist": WhyMissed.BLOCKED,
    "in-hangup-reply": WhyMissed.BLOCKED,
    "in-voicemail": WhyMissed.NO_ANSWER,
}


@pytest.mark.parametrize("scenario", CALLS, ids=lambda s: s["id"])
def test_only_missed_and_refused_calls_have_a_reason(scenario: dict[str, Any]) -> None:
    for call in calls_of(facts_of(scenario)).values():
        assert (why_missed(call) is not None) == (call.is_missed or call.is_blocked)


@pytest.mark.parametrize("scenario", CALLS, ids=lambda s: s["id"])
def test_it_is_the_same_in_whatever_order_the_facts_came(scenario: dict[str, Any]) -> None:
    facts = facts_of(scenario)
    found = {name: why_missed(call) for name, call in calls_of(facts).items()}
    random.Random(1).shuffle(facts)
    assert {name: why_missed(call) for name, call in calls_of(facts).items()} == found


@pytest.mark.parametrize(("name", "reason"), REASONS.items())
def test_each_ending_has_its_reason(name: str, reason: WhyMissed) -> None:
    [scenario] = [scenario for scenario in CALLS if scenario["id"] == name]
    assert {why_missed(call) for call in calls_of(facts_of(scenario)).values()} == {reason}


def test_no_phone_was_on_when_none_rang_until_the_end() -> None:
    end = Fact(FactKind.ENDED, "in_1", NOON, disposition=Disposition.NO_ANSWER)
    assert why_missed(fold([Fact(FactKind.STARTED, "in_1", NOON, caller=ANA), end])) == "no_phone"


def test_it_takes_a_call_of_the_statistics_as_one_that_rang() -> None:
    told = {"caller": ANA, "disposition": Disposition.NO_ANSWER}
    assert why_missed(fold([Fact(FactKind.LISTED, "in_1", NOON, **told)])) == "no_answer"


def test_it_is_stored_with_the_call(app: Flask) -> None:
    call_id = missed()
    assert db.session.get_one(Call, call_id).why_missed == WhyMissed.GAVE_UP


def test_the_log_lists_the_calls_of_a_reason(bob: User, client_of: SignIn) -> None:
    open_then, closed_then = missed(), missed(at=NOON.replace(hour=22), name="in_2")
    bobs = client_of(bob)
    assert shown(bobs, "/calls?reason=gave_up") == [open_then]
    assert shown(bobs, "/calls?reason=gave_up-15") == [open_then]
    assert shown(bobs, "/calls?reason=gave_up-5") == []
    assert shown(bobs, "/calls?reason=closed") == [closed_then]
    assert shown(bobs, "/calls?reason=nonsense") == []


def test_the_page_of_a_call_says_why(bob: User, client_of: SignIn) -> None:
    missed_id, night_id = missed(), missed(at=NOON.replace(hour=22), name="in_2")
    bobs = client_of(bob)
    assert "The caller gave up after 20 s" in bobs.get(f"/calls/{missed_id}").text
    assert "Outside opening hours" in bobs.get(f"/calls/{night_id}").text


def test_the_log_lists_the_calls_of_an_hour_by_the_clock_of_the_reader(
    bob: User, client_of: SignIn
) -> None:
    # A Monday at noon in UTC.
    call_id = missed()
    bobs = client_of(bob)
    assert shown(bobs, "/calls?weekday=1&hour=12&clock=office") == [call_id]
    assert shown(bobs, "/calls?weekday=1&hour=9") == []
    bob.timezone = "America/Sao_Paulo"
    db.session.commit()
    assert shown(bobs, "/calls?weekday=1&hour=9") == [call_id]
    assert shown(bobs, "/calls?weekday=1&hour=12&clock=office") == [call_id]
    assert shown(bobs, "/calls?weekday=8") == shown(bobs, "/calls?hour=x") == []


def test_what_no_field_shows_is_said_and_can_be_taken_back(bob: User, client_of: SignIn) -> None:
    page = client_of(bob).get("/calls?part=missed&reached=never&weekday=1&hour=9").text
    for words in ("Only missed calls.", "not talked with since", "09:00 to 09:59, Monday"):
        assert words in page
    assert 'href="/calls?reached=never&amp;weekday=1&amp;hour=9"' in page
    assert '<input type="hidden" name="part" value="missed" />' in page
