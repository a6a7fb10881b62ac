"""Who calls and what the rules ask of them come of one statement, and are what two would say."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine

from crm_app.accounts.models import User
from crm_app.accounts.presence import services as presence
from crm_app.contacts.models import ContactKind
from crm_app.contacts.numbers.caller import find_callers
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.telephony.routing import black_list, lookup, phones
from crm_app.telephony.routing.lookup import WhoCalls, known_of
from crm_app.telephony.routing.rules import StartingCall
from crm_app.telephony.switches import Switches

NOON = datetime(2026, 3, 2, 12, tzinfo=ZoneInfo("Europe/Lisbon"))
NUMBERS = {
    "somebody's client": "+351910000042",
    "nobody's client": "+351910000043",
    "client by the company": "+351910000044",
    "shared by two owners": "+351910000045",
    "shared by one owner": "+351910000046",
    "other format of a client": "351910000042",
    "only the last nine digits": "+910000042",
    "listed client": "+351910000047",
    "client of who is away": "+351910000048",
    "colleague's mobile": "+351910000049",
    "short": "101",
    "stranger": "+351930000000",
    "listed stranger": "+351940000001",
    "hidden": "",
}


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def office(bob: User, carol: User, dora: User) -> None:
    phones.keep({"101": True, "102": False})
    company = make_contact("Sousa & Filhos", kind=ContactKind.COMPANY, responsible=bob)
    for name, number, more in (
        ("Ana", "somebody's client", {"responsible": bob}),
        ("Rui", "nobody's client", {}),
        ("Eva", "client by the company", {"company": company}),
        ("Ivo", "shared by two owners", {"responsible": bob}),
        ("Lia", "shared by two owners", {"responsible": dora}),
        ("Zoe", "shared by one owner", {"responsible": dora}),
        ("Abe", "shared by one owner", {"responsible": dora}),
        ("Max", "listed client", {"responsible": bob}),
        ("Pia", "client of who is away", {"responsible": dora}),
        ("Leo", "colleague's mobile", {"responsible": bob}),
    ):
        make_contact(name, phones=(NUMBERS[number],), **more)
    carol.mobile = NUMBERS["colleague's mobile"]
    presence.go_away(dora, dora, NOON + timedelta(hours=3), bob.id)
    for pattern in ("listed client", "listed stranger"):
        black_list.block(NUMBERS[pattern], "PT", None)
    db.session.commit()


@pytest.mark.usefixtures("office")
@pytest.mark.parametrize("routes", ["on", "off"])
@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
def test_one_statement_says_what_two_say(
    number: str, routes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = db.session.connection()
    switches = Switches().changed({"route_to_responsible": routes})
    callers = find_callers(connection, number)
    call = StartingCall(number, "", NOON, tuple(callers))
    known = known_of(connection, call, switches, "Europe/Lisbon")

    who = WhoCalls(switches, "Europe/Lisbon", NOON)
    assert who(connection, number) == callers
    asked: list[Any] = []
    monkeypatch.setattr(lookup, "known_of", lambda *args: asked.append(args) or known)
    assert who.known_of(connection, call) == known
    assert bool(asked) == (not number)


@pytest.mark.usefixtures("office")
@pytest.mark.parametrize("routes", ["on", "off"])
def test_asked_ahead_for_many_each_is_told_what_it_would_hear_alone(
    routes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = db.session.connection()
    switches = Switches().changed({"route_to_responsible": routes})
    # Each at its own moment: at three somebody comes back.
    moments = [NOON, NOON + timedelta(hours=5)]

    def heard(calls: list[tuple[WhoCalls, str]]) -> list[object]:
        return [
            (callers := who(connection, number))
            and (callers, who.known_of(connection, StartingCall(number, "", NOON, tuple(callers))))
            for who, number in calls
        ]

    def calls() -> list[tuple[WhoCalls, str]]:
        return [
            (WhoCalls(switches, "Europe/Lisbon", at), number)
            for at in moments
            for number in NUMBERS.values()
        ]

    alone, together = heard(calls()), calls()
    WhoCalls.ask_ahead(connection, together)
    if connection.dialect.name == "postgresql":
        monkeypatch.setitem(lookup._WHO_CALLS, True, {})
    assert heard(together) == alone
