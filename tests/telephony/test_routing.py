"""What a starting call is answered: pure decisions, by table, over rules and switches."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from crm_app.contacts.numbers.caller import Caller
from crm_app.errors import InvalidInputError
from crm_app.telephony.routing.rules import (
    MOST_CALLERS,
    Blocked,
    Colleague,
    Decision,
    Known,
    StartingCall,
    decide,
)
from crm_app.telephony.switches import Switches

ON = Switches(caller_name="on", black_list="busy", route_to_responsible="on")
OFF = Switches(caller_name="off", black_list="off", route_to_responsible="off")
CLIENT = "+351910000042"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
BOB = Colleague("Bob Agent", "101", is_registered=True)
EVA = Colleague("Eva Agent", "102", is_registered=True)
AWAY = replace(BOB, is_away=True)
LISTED = Blocked(7, "+35191*", "spam")


def caller(name: str = "Ana Sousa", responsible: int | None = 1, company: int | None = None) -> Any:
    """Give one contact who has the number."""
    return Caller(1, name, "", responsible, False, company)


def ask(switches: Switches, known: Known, *callers: Caller, number: str = CLIENT) -> Decision:
    """Ask the rules about a call."""
    return decide(StartingCall(number, "+351210000001", NOON, callers), switches, known)


@pytest.mark.parametrize(
    ("number", "names", "switches", "answer"),
    [
        (CLIENT, ["Ana Sousa"], ON, {"caller_name": "Ana Sousa"}),
        (CLIENT, ["Ana Sousa"], OFF, {}),
        (CLIENT, [], ON, {}),
        (CLIENT, ["   "], ON, {}),
        ("", ["Ana Sousa"], ON, {}),
        ("16200", ["Ana Sousa"], ON, {"caller_name": "Ana Sousa"}),
        (CLIENT, ["Ana Sousa", "Ana  Sousa"], ON, {"caller_name": "Ana Sousa"}),
        (CLIENT, ["Ana Sousa", "Rui Sousa", "Eva"], ON, {"caller_name": "Ana Sousa +2"}),
        (CLIENT, ['Ana "A" <b>'], ON, {"caller_name": "Ana A b"}),
        (CLIENT, ["x" * 100], ON, {"caller_name": "x" * 60}),
        (CLIENT, ["x" * 100, "y"], ON, {"caller_name": "x" * 57 + " +1"}),
        (CLIENT, ["João Łuk"], ON, {"caller_name": "João Łuk"}),
    ],
)
def test_it_shows_the_name_that_phones_can_show(
    number: str, names: list[str], switches: Switches, answer: dict[str, str]
) -> None:
    decision = ask(switches, Known(), *[caller(name) for name in names], number=number)
    assert (decision.reply.to_json(), decision.refusal) == (answer, "")
    assert decision.rule == "scenario"


@pytest.mark.parametrize(
    ("name", "shown"),
    [("João Łuk", "Joao Luk"), ("Иван", "Ivan"), ("Ana", "Ana"), ("Γιώργος", "Giorgos")],
)
def test_plain_letters_are_those_that_every_phone_has(name: str, shown: str) -> None:
    plain = ON.changed({"caller_name_letters": "plain"})
    assert ask(plain, Known(), caller(name)).reply.to_json() == {"caller_name": shown}


# What is known of the call, whose contact it is, and which rule decides with which reason while
# everything is switched on.
ALL_ON: list[tuple[str, Known, tuple[Any, ...], str, str]] = [
    ("listed", Known(blocked=LISTED), (), "black_list", "listed"),
    ("listed client", Known(blocked=LISTED, responsible=BOB), (caller(),), "black_list", "listed"),
    ("listed, became ours", Known(blocked=LISTED, is_own=True), (), "own_number", "own"),
    ("own", Known(is_own=True, responsible=BOB), (caller(),), "own_number", "own"),
    ("here", Known(responsible=BOB), (caller(),), "responsible", "takes"),
    ("of the company", Known(responsible=BOB), (caller("A", None, 1),), "responsible", "takes"),
    ("all share", Known(responsible=BOB), (caller("A"), caller("B")), "responsible", "takes"),
    ("deputy", Known(responsible=AWAY, deputy=EVA), (caller(),), "deputy", "takes"),
    ("stranger", Known(), (), "scenario", "stranger"),
    ("nobody's", Known(), (caller("A", None),), "scenario", "nobody"),
    ("shared", Known(), (caller("A", 1), caller("B", 2)), "scenario", "shared"),
    ("shared, one nobody's", Known(), (caller("A", 1), caller("B", None)), "scenario", "shared"),
    ("too many", Known(), tuple(caller(str(n)) for n in range(MOST_CALLERS)), "scenario", "shared"),
    ("no deputy", Known(responsible=AWAY), (caller(),), "scenario", "away"),
    (
        "disabled",
        Known(responsible=replace(BOB, may_sign_in=False)),
        (caller(),),
        "scenario",
        "disabled",
    ),
    (
        "no phone",
        Known(responsible=replace(BOB, extension="")),
        (caller(),),
        "scenario",
        "no_extension",
    ),
    (
        "not registered",
        Known(responsible=replace(BOB, is_registered=False)),
        (caller(),),
        "scenario",
        "phone_off",
    ),
    (
        "unknown",
        Known(responsible=replace(BOB, is_registered=None)),
        (caller(),),
        "scenario",
        "phone_unknown",
    ),
    ("closed", Known(responsible=BOB, is_open=False), (caller(),), "scenario", "off_shift"),
    (
        "deputy off",
        Known(responsible=AWAY, deputy=replace(EVA, is_registered=False)),
        (caller(),),
        "scenario",
        "away",
    ),
    (
        "deputy away",
        Known(responsible=AWAY, deputy=replace(EVA, is_away=True)),
        (caller(),),
        "scenario",
        "away",
    ),
]


@pytest.mark.parametrize(
    ("known", "callers", "rule", "why"), [row[1:] for row in ALL_ON], ids=[row[0] for row in ALL_ON]
)
def test_the_rules_are_asked_in_their_order(
    known: Known, callers: tuple[Any, ...], rule: str, why: str
) -> None:
    decision = ask(ON, known, *callers)
    assert decision.rule == rule
    whys = {step.rule: step.why for step in decision.steps}
    assert whys[rule if rule != "scenario" else "responsible"] == why
    order = ["black_list", "own_number", "responsible", "deputy", "scenario"]
    assert [step.rule for step in decision.steps] == order[: order.index(rule) + 1]
    assert [step.decides for step in decision.steps] == [False] * order.index(rule) + [True]


def expected(rule: str, switches: Switches, callers: tuple[Any, ...]) -> dict[str, Any]:
    """Say what the answer of a rule is, by the sentences of the switches."""
    if rule == "black_list" and switches.black_list != "off":
        return {"hangup": 1} if switches.black_list == "hangup" else {"redirect": "blacklist"}
    if rule == "own_number":
        return {}
    names = sorted({one.name for one in callers}, key=[one.name for one in callers].index)
    more = f" +{len(names) - 1}" if len(names) > 1 else ""
    named = {"caller_name": names[0] + more} if names and switches.caller_name == "on" else {}
    if rule in ("responsible", "deputy") and switches.route_to_responsible == "on":
        to = {"redirect": "101" if rule == "responsible" else "102"}
        to |= {"return_timeout": switches.return_timeout}
        return {**to, **named} if switches.caller_name_with_redirect == "on" else to
    return named


SETTINGS = [
    {"black_list": black_list, "route_to_responsible": route, "caller_name": name, **more}
    for black_list in ("off", "busy", "hangup")
    for route in ("off", "on")
    for name in ("off", "on")
    for more in (
        {"caller_name_with_redirect": "off", "return_timeout": "0"},
        {"caller_name_with_redirect": "on", "return_timeout": "20"},
    )
]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda one: "-".join(one.values()))
@pytest.mark.parametrize(
    ("known", "callers", "rule"),
    [row[1:4] for row in ALL_ON],
    ids=[row[0] for row in ALL_ON],
)
def test_a_switch_that_is_off_does_nothing_at_all(
    known: Known, callers: tuple[Any, ...], rule: str, settings: dict[str, str]
) -> None:
    switches = Switches().changed(settings)
    if known.blocked is not None and known.responsible is not None and rule == "black_list":
        # Off the list it would be the responsible's.
        rule = "black_list" if switches.black_list != "off" else "responsible"
    decision = ask(switches, known, *callers)
    assert decision.reply.to_json() == expected(rule, switches, callers)
    is_refused = rule == "black_list" and switches.black_list != "off"
    assert decision.refusal == ("black_list" if is_refused else "")
    assert decision.blocked_id == (LISTED.id if is_refused else None)


def test_a_hidden_caller_goes_the_usual_way() -> None:
    decision = ask(ON, Known(), number="")
    assert decision.reply.to_json() == {}
    assert [step.why for step in decision.steps] == ["hidden"] * 3 + ["not_away", "usual"]


@pytest.mark.parametrize("seconds", ["1", "2", "-1", "61", "soon"])
def test_a_time_that_the_pbx_does_not_take_is_refused(seconds: str) -> None:
    with pytest.raises(InvalidInputError, match="switch_impossible"):
        Switches().changed({"return_timeout": seconds})


@pytest.mark.parametrize("seconds", [0, 3, 60])
def test_a_time_that_the_pbx_takes_is_sent(seconds: int) -> None:
    switches = ON.changed({"return_timeout": str(seconds)})
    answer = ask(switches, Known(responsible=BOB), caller()).reply.to_json()
    assert answer == {"redirect": "101", "return_timeout": seconds}
