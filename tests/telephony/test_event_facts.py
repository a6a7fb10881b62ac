"""From the PBX's events to facts: every number in one form, nothing invented."""

from datetime import UTC, datetime

import pytest

from crm_app.calls.fold.facts import Disposition, Fact, FactKind
from crm_app.telephony.webhook.event_facts import to_fact
from crm_app.telephony.zadarma.events import parse

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def fact_of(**fields: str) -> Fact | None:
    return to_fact(parse({"pbx_call_id": "in_1", **fields}), NOON, "PT")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("+351910000042", "+351910000042"),
        ("351910000042", "+351910000042"),
        (" 351910000042", "+351910000042"),
        ("00351910000042", "+351910000042"),
        ("910000042", "+351910000042"),
        ("101", "101"),
        ("499499-101", "101"),
        ("", ""),
        ("0", ""),
        ("Anonymous", ""),
        ("9" * 60, "+" + "9" * 39),
    ],
)
def test_it_keeps_a_caller_in_one_form_however_it_is_written(sent: str, kept: str) -> None:
    fact = fact_of(event="NOTIFY_START", caller_id=sent, called_did="351210000001")
    assert fact == Fact(FactKind.STARTED, "in_1", NOON, caller=kept, did="+351210000001")


def test_it_prefers_the_full_form_of_a_number_dialled_in_national_form() -> None:
    fact = fact_of(event="NOTIFY_OUT_START", destination="910000042", dst_e164="34910000042")
    assert fact
    assert fact.called == "+34910000042"


def test_it_tells_how_a_call_ended() -> None:
    fact = fact_of(
        event="NOTIFY_END",
        caller_id="351910000042",
        internal="101",
        last_internal="103",
        duration="73",
        disposition="No_Answer",
        is_recorded="true",
        call_id_with_rec="1772442907.100200",
        call_start="2026-03-02 09:15:07",
    )
    assert fact
    assert (fact.extension, fact.last_extension, fact.talk_seconds) == ("101", "103", 73)
    assert (fact.disposition, fact.disposition_raw) == (Disposition.NO_ANSWER, "No_Answer")
    assert (fact.is_recorded, fact.recording_id) == (True, "1772442907.100200")
    assert fact.pbx_time == "2026-03-02 09:15:07"


def test_it_leaves_a_disposition_open_that_it_does_not_know() -> None:
    fact = fact_of(event="NOTIFY_END", disposition="abducted")
    assert fact
    assert (fact.disposition, fact.disposition_raw) == (None, "abducted")


def test_it_keeps_the_keys_pressed_in_a_menu() -> None:
    fact = fact_of(event="NOTIFY_IVR", wait_dtmf='{"name":"menu","digits":"2"}')
    assert fact
    assert (fact.kind, fact.menu_choice) == (FactKind.MENU, "2")


@pytest.mark.parametrize("name", ["SMS", "NUMBER_LOOKUP", "NOTIFY_SOMETHING"])
def test_it_makes_no_fact_of_an_event_that_is_not_about_a_call(name: str) -> None:
    assert fact_of(event=name, result="{}") is None
