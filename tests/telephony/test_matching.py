"""Which click a call came of."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crm_app.calls.fold.facts import Fact, FactKind
from crm_app.telephony.dialling.matching import Candidate, match

NOW = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
CLIENT = "+351910000042"
REQUEST = Candidate(1, 1, "101", CLIENT, NOW)


def fact(kind: FactKind = FactKind.OUTGOING_STARTED, way: str = "out", **values: Any) -> Fact:
    """Make a fact of a call that began two seconds after the click."""
    told = {"extension": "101", "called": CLIENT, "received_at": NOW + timedelta(seconds=2)}
    return Fact(kind=kind, pbx_call_id=f"{way}_{'0' * 40}", **(told | values))


@pytest.mark.parametrize(
    ("told", "part"),
    [
        (fact(), "call"),
        (fact(called="910000042"), "call"),
        (fact(called="+34910000042"), "call"),
        (fact(called="+351910000043"), None),
        (fact(extension="102"), None),
        (fact(extension="", caller="101"), "call"),
        (fact(extension=""), "call"),
        (fact(called="101"), "own_leg"),
        (fact(called="101", leg="callback_leg1"), "own_leg"),
        (fact(FactKind.ANSWERED, called="101", caller="101"), "own_leg"),
        (fact(called="104"), None),
        (fact(FactKind.OUTGOING_ENDED), "call"),
        (fact(FactKind.RECORDED), None),
        (fact(received_at=NOW + timedelta(minutes=11)), None),
        (fact(received_at=NOW - timedelta(seconds=30)), None),
        (fact(FactKind.ANSWERED, called="102", caller="101", extension="102"), None),
        (fact(FactKind.STARTED, "in", caller="101", called="", extension=""), None),
        (fact(FactKind.RANG, "in", caller="101", called=""), "call"),
        (fact(FactKind.ENDED, "in", caller="101", called="", extension=""), "call"),
        (fact(FactKind.ANSWERED, "in", caller="101", called="102", extension="102"), None),
        (fact(FactKind.RANG, "in", caller="101", called="", extension="102"), None),
        (fact(FactKind.RANG, "in", caller=CLIENT, called=""), None),
    ],
)
def test_it_finds_the_click_of_a_call(told: Fact, part: str | None) -> None:
    found = match(told, [REQUEST])
    assert (found.kind if found else None) == part


def test_the_newest_click_wins() -> None:
    later = Candidate(2, 1, "101", CLIENT, NOW + timedelta(seconds=1))
    found = match(fact(), [REQUEST, later])
    assert found
    assert found.request == later


def test_a_call_without_an_extension_is_nobodys_when_two_asked_for_the_number() -> None:
    assert match(fact(extension=""), [REQUEST, Candidate(2, 2, "102", CLIENT, NOW)]) is None


def test_a_call_without_an_extension_is_found_whatever_else_somebody_asked_for() -> None:
    other = Candidate(2, 2, "102", "+351919999999", NOW - timedelta(minutes=8))
    found = match(fact(extension=""), [REQUEST, other])
    assert found
    assert found.request == REQUEST


def test_a_call_that_has_come_of_a_click_is_of_no_other_click() -> None:
    call_id = fact().pbx_call_id
    older = Candidate(2, 1, "101", CLIENT, NOW - timedelta(minutes=2), contact_id=7, lead_id=8)
    connected = replace(REQUEST, pbx_call_id=call_id, is_open=False)
    answered = fact(FactKind.ANSWERED, caller="101")
    assert match(answered, [older, connected]) is None
    ringing = replace(REQUEST, pbx_call_id=call_id)
    found = match(answered, [older, ringing])
    assert found
    assert found.request == ringing


def test_a_call_that_has_reached_a_colleague_is_of_no_click() -> None:
    ended = fact(FactKind.ENDED, "in", caller="101", called="", extension="")
    assert match(ended, [REQUEST], {"102"}) is None


@pytest.mark.parametrize(
    ("clicked", "told"),
    [
        ("16200", {"called": "16200"}),
        ("+5551987654321", {"called": "+555187654321"}),
        ("+39061234567", {"called": "+3961234567"}),
        ("+51987654321", {"called": "+5551987654321", "called_other": "+51987654321"}),
    ],
)
def test_it_finds_the_click_by_the_other_writing_of_its_number(
    clicked: str, told: dict[str, str]
) -> None:
    request = replace(REQUEST, number=clicked)
    found = match(fact(**told), [request])
    assert found is not None
    assert found.kind == "call"
    assert match(fact(**told), [replace(request, number="16201")]) is None
