"""Notifications read as typed events, whatever is wrong with them."""

import json
import random
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_app.telephony.zadarma.dispositions import disposition_from
from crm_app.telephony.zadarma.events import (
    CallAnswered,
    CallEnded,
    CallEvent,
    CallStarted,
    Event,
    ExtensionRang,
    ExtensionStopped,
    MenuChoice,
    MessageReceived,
    OtherEvent,
    OutgoingEnded,
    OutgoingStarted,
    RecordingReady,
    SpeechRecognised,
    UnreadableEventError,
    parse,
)
from crm_app.telephony.zadarma.party import party

FIXTURES = Path(__file__).parents[2] / "fixtures" / "zadarma"
VECTORS: dict[str, Any] = json.loads((FIXTURES / "vectors.json").read_text("utf-8"))
SCENARIOS: dict[str, Any] = json.loads((FIXTURES / "scenarios.json").read_text("utf-8"))
IN_ID = "in_6f1d2c3b4a5968778695a4b3c2d1e0f123456789"
KINDS: dict[str, type[Event]] = {
    "NOTIFY_START": CallStarted,
    "NOTIFY_INTERNAL": ExtensionRang,
    "NOTIFY_INTERNAL_END": ExtensionStopped,
    "NOTIFY_ANSWER": CallAnswered,
    "NOTIFY_END": CallEnded,
    "NOTIFY_OUT_START": OutgoingStarted,
    "NOTIFY_OUT_END": OutgoingEnded,
    "NOTIFY_RECORD": RecordingReady,
    "NOTIFY_IVR": MenuChoice,
    "SMS": MessageReceived,
    "NUMBER_LOOKUP": OtherEvent,
    "CALL_TRACKING": OtherEvent,
    "SPEECH_RECOGNITION": SpeechRecognised,
    "DOCUMENT": OtherEvent,
    "NOTIFY_SOMETHING": OtherEvent,
}


def parse_call(**fields: str) -> CallEvent:
    event = parse({"event": "NOTIFY_END", "pbx_call_id": IN_ID, **fields})
    assert isinstance(event, CallEvent)
    return event


@pytest.mark.parametrize("vector", VECTORS["webhooks"], ids=lambda v: v["id"])
def test_it_reads_every_notification_seen_on_the_wire(vector: dict[str, Any]) -> None:
    event = parse(dict(parse_qsl(vector["body_urlencoded"], keep_blank_values=True)))
    assert type(event) is KINDS[vector["event"]]
    assert event.name == vector["event"]


@pytest.mark.parametrize("scenario", SCENARIOS["scenarios"], ids=lambda s: s["id"])
def test_it_reads_every_event_of_every_scenario(scenario: dict[str, Any]) -> None:
    for posted in scenario["events"]:
        assert type(parse(posted["fields"])) is KINDS[posted["fields"]["event"]]


def test_it_reads_the_end_of_an_answered_call() -> None:
    event = parse_call(
        call_start="2026-03-02 09:15:07",
        caller_id="+351910000042",
        called_did="351210000001",
        internal="101",
        duration="73",
        disposition="answered",
        last_internal="103",
        status_code="16",
        is_recorded="1",
        call_id_with_rec="1772442907.100200",
        calltype="normal",
    )
    assert event == CallEnded(
        name="NOTIFY_END",
        pbx_call_id=IN_ID,
        call_start="2026-03-02 09:15:07",
        caller="+351910000042",
        did="351210000001",
        extension="101",
        last_extension="103",
        disposition="answered",
        disposition_raw="answered",
        talk_seconds=73,
        is_recorded=True,
        recording_id="1772442907.100200",
        leg="normal",
    )
    assert event.direction == "inbound"


def test_it_reads_an_outgoing_call() -> None:
    event = parse(
        {
            "event": "NOTIFY_OUT_START",
            "pbx_call_id": "out_a0b1",
            "destination": "00351910000042",
            "internal": "499499-101",
            "dst_e164": "351910000042",
            "calltype": "callback_leg2",
        }
    )
    assert isinstance(event, OutgoingStarted)
    assert (event.called, event.extension, event.leg) == ("00351910000042", "101", "callback_leg2")
    assert (event.direction, event.dialled_e164) == ("outbound", "351910000042")


def test_it_reads_a_transfer() -> None:
    event = parse_call(transfer_from="101", transfer_type="Blind")
    assert event.transfer_from == "101"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("NOTIFY_ANSWER", CallAnswered),
        ("NOTIFY_INTERNAL", ExtensionRang),
        ("NOTIFY_INTERNAL_END", ExtensionStopped),
    ],
)
def test_it_finds_the_colleague_in_the_destination(name: str, kind: type[CallEvent]) -> None:
    fields = {"event": name, "pbx_call_id": IN_ID, "destination": "102"}
    assert parse(fields) == kind(name=name, pbx_call_id=IN_ID, called="102", extension="102")


@pytest.mark.parametrize("name", ["NOTIFY_ANSWER", "NOTIFY_INTERNAL"])
@pytest.mark.parametrize(
    ("pbx_call_id", "destination", "internal", "extension"),
    [
        (IN_ID, "351210000001", "", ""),
        (IN_ID, "351210000001", "101", "101"),
        ("out_1", "102", "", ""),
        ("out_1", "102", "102", "102"),
    ],
)
def test_it_does_not_take_other_destinations_for_a_colleague(
    name: str, pbx_call_id: str, destination: str, internal: str, extension: str
) -> None:
    event = parse(
        {
            "event": name,
            "pbx_call_id": pbx_call_id,
            "destination": destination,
            "internal": internal,
        }
    )
    assert isinstance(event, CallEvent)
    assert event.extension == extension


def test_it_keeps_a_caller_whose_plus_was_lost() -> None:
    event = parse_call(caller_id=" 351 910 000 042")
    assert event.caller == "351910000042"


def test_it_keeps_the_spaces_of_a_name() -> None:
    assert parse_call(caller_id="João Ação").caller == "João Ação"


def test_it_says_nothing_of_the_direction_of_a_strange_id() -> None:
    event = parse({"event": "NOTIFY_START", "pbx_call_id": "1772442907.100200"})
    assert isinstance(event, CallStarted)
    assert event.direction == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("answered", "answered"),
        ("ANSWER", "answered"),
        ("busy", "busy"),
        ("cancel", "cancelled"),
        ("canceled", "cancelled"),
        ("no_answer", "no_answer"),
        ("noanswer", "no_answer"),
        ("call failed", "failed"),
        ("no money,  no limit", "no_money"),
        ("no day limit", "limit"),
        ("line limit", "limit"),
        ("unallocated number", "unallocated"),
        ("gone fishing", ""),
        ("", ""),
    ],
)
def test_it_translates_dispositions(text: str, expected: str) -> None:
    assert disposition_from(text) == expected


@pytest.mark.parametrize("text", SCENARIOS["dispositions"])
def test_it_knows_every_documented_disposition(text: str) -> None:
    assert disposition_from(text) != ""


@pytest.mark.parametrize(
    "duration", ["abc", "-3", "", "1_000", "٣", "9" * 5000, "999999999", "1e3"]
)
def test_it_takes_a_nonsense_duration_for_none(duration: str) -> None:
    assert parse_call(duration=duration).talk_seconds == 0


@pytest.mark.parametrize(("duration", "seconds"), [("73", 73), (" 73 ", 73), ("73.9", 73)])
def test_it_reads_durations(duration: str, seconds: int) -> None:
    assert parse_call(duration=duration).talk_seconds == seconds


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((yes, True) for yes in ("1", "true", "True", 1, True)),
        *((no, False) for no in ("0", "false", "", None, "maybe")),
    ],
)
def test_it_reads_flags_in_any_writing(value: Any, expected: bool) -> None:
    assert parse_call(is_recorded=value).is_recorded is expected


@pytest.mark.parametrize("internal", ["351210000001", "sales", "0", "１０１"])
def test_it_takes_no_other_text_for_an_extension(internal: str) -> None:
    assert parse_call(internal=internal).extension == ""


@pytest.mark.parametrize(
    "pressed",
    [
        {"wait_dtmf[name]": "menu", "wait_dtmf[digits]": "2", "wait_dtmf[default_behaviour]": "1"},
        {"wait_dtmf": '{"name": "menu", "digits": 2, "default_behaviour": true}'},
        {"wait_dtmf": {"name": "menu", "digits": "2", "default_behaviour": "1"}},
    ],
)
def test_it_reads_menu_keys_in_both_layouts(pressed: dict[str, Any]) -> None:
    event = parse({"event": "NOTIFY_IVR", "pbx_call_id": IN_ID, **pressed})
    assert event == MenuChoice(
        name="NOTIFY_IVR", pbx_call_id=IN_ID, menu="menu", digits="2", is_default=True
    )


def test_it_notices_that_a_phrase_is_over() -> None:
    event = parse({"event": "NOTIFY_IVR", "pbx_call_id": IN_ID, "ivr_saynumber": "COMPLETE"})
    assert isinstance(event, MenuChoice)
    assert event.is_phrase_over


def test_it_reads_a_text_message() -> None:
    result = json.dumps(
        {"caller_id": " 351910000042", "caller_did": "+351210000001", "text": "Olá\n15h?\x00"}
    )
    assert parse({"event": "SMS", "result": result}) == MessageReceived(
        name="SMS",
        sender="351910000042",
        did="+351210000001",
        text="Olá\n15h?",
    )


@pytest.mark.parametrize("result", ["", "{", "[]", "null", "[" * 100_000, '{"text": null}'])
def test_it_reads_an_empty_message_from_a_broken_one(result: str) -> None:
    assert parse({"event": "SMS", "result": result}) == MessageReceived(name="SMS")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"event": " "},
        {"event": "NOTIFY_START"},
        {"event": "NOTIFY_RECORD", "pbx_call_id": "\x00"},
        {"event": "NOTIFY_END", "pbx_call_id": "x" * 65},
    ],
)
def test_it_refuses_what_cannot_be_tied_to_a_call(fields: dict[str, str]) -> None:
    with pytest.raises(UnreadableEventError):
        parse(fields)


def test_it_needs_no_call_id_on_an_unknown_event() -> None:
    assert parse({"event": "NOTIFY_SOMETHING"}) == OtherEvent(name="NOTIFY_SOMETHING")


def test_it_drops_what_a_database_cannot_hold() -> None:
    event = parse_call(caller_id="+351\x00910\ud800000042", disposition="x" * 1000)
    assert event.caller == "+351910000042"
    assert len(event.disposition_raw) == 255


FIELD_NAMES = sorted(
    {name for s in SCENARIOS["scenarios"] for e in s["events"] for name in e["fields"]}
    | {"wait_dtmf[name]", "wait_dtmf[digits]", "wait_dtmf", "", "dst_e164", "calltype"}
)
ANYTHING = st.text(st.characters(exclude_categories=()), max_size=80)
JSON_TEXT = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
).map(json.dumps)


def assert_readable_or_refused(fields: dict[str, str]) -> None:
    try:
        event = parse(fields)
    except UnreadableEventError:
        return
    for attribute in ("caller", "pbx_call_id", "text", "disposition_raw", "name"):
        value = getattr(event, attribute, "")
        assert "\x00" not in value
        value.encode()
    if isinstance(event, CallEvent):
        assert 0 < len(event.pbx_call_id) <= 64
        assert 0 <= event.talk_seconds <= 7 * 24 * 3600


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from([*KINDS, ""]) | ANYTHING,
    st.dictionaries(st.sampled_from(FIELD_NAMES) | ANYTHING, ANYTHING | JSON_TEXT, max_size=12),
)
def test_it_never_fails_in_any_other_way(name: str, fields: dict[str, str]) -> None:
    assert_readable_or_refused({**fields, "event": name})


def test_it_survives_twenty_thousand_malformed_bodies() -> None:
    dice = random.Random(20)
    genuine = [event["fields"] for s in SCENARIOS["scenarios"] for event in s["events"]]
    alphabet = "019+-.,[]{}\"' \x00\ud800é٣&=%xa\u202e\n"
    for _ in range(20_000):
        fields = dict(dice.choice(genuine))
        for _ in range(dice.randint(1, 4)):
            garbage = "".join(dice.choices(alphabet, k=dice.choice((0, 1, 5, 300))))
            fields[dice.choice(FIELD_NAMES)] = garbage
        fields.pop(dice.choice(FIELD_NAMES), None)
        assert_readable_or_refused(fields)


@pytest.mark.parametrize(
    ("text", "kind", "digits"),
    [
        ("", "hidden", ""),
        ("0", "hidden", ""),
        ("000", "hidden", ""),
        ("Anonymous", "hidden", ""),
        ("João Ação", "hidden", ""),
        ("MEO123", "hidden", ""),
        ("+266696687", "hidden", ""),
        ("101", "number", "101"),
        (" 16200", "number", "16200"),
        ("499499-101", "extension", "101"),
        ("sip:499499-101@pbx.zadarma.com", "extension", "101"),
        ("+101", "number", "+101"),
        ("351910", "number", "351910"),
        ("+351 910 000 042", "number", "+351910000042"),
        ("+351910000042 (Studio 54)", "number", "+351910000042"),
        ("00351910000042", "number", "00351910000042"),
        ("21-00042", "number", "2100042"),
    ],
)
def test_it_classifies_parties(text: str, kind: str, digits: str) -> None:
    found = party(text)
    assert (found.kind, found.digits) == (kind, digits)


@pytest.mark.parametrize(
    ("sent", "caller"),
    [
        (" 266696687", "+266696687"),
        ("266696687", "266696687"),
        ("+351 912 345 678 (Studio 54)", "+351 912 345 678 (Studio 54)"),
        ("MEO 123", "MEO 123"),
    ],
)
def test_it_takes_a_space_for_a_plus_where_that_makes_a_difference(sent: str, caller: str) -> None:
    assert parse_call(caller_id=sent).caller == caller


@pytest.mark.parametrize(
    ("sent", "dialled"),
    [("351910000042", "351910000042"), ("+351910000042;x=1", "351910000042"), ("MEO123", "")],
)
def test_it_picks_no_dialled_number_out_of_words(sent: str, dialled: str) -> None:
    assert parse_call(dst_e164=sent).dialled_e164 == dialled
