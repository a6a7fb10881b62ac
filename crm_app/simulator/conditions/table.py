"""What can go wrong between the PBX and the office, all that a person can choose on the page."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from crm_app.simulator.account import NUMBER_LASTS_FOR_DAYS
from crm_app.simulator.conditions.choices import (
    Group,
    api,
    clock,
    delayed,
    lost,
    money,
    number,
    phone,
    recording,
    sound,
    speech,
)
from crm_app.simulator.sounds import Plan

if TYPE_CHECKING:
    from crm_app.simulator.office import Simulator

LATE_RECORDING = timedelta(minutes=2)
SLOW_SECONDS = 4.0
DELAY_SECONDS = 10.0
NUMBER_ENDS_IN_DAYS = 3
ENOUGH, LITTLE = Decimal("25.00"), Decimal("1.20")


def groups(pbx: "Simulator") -> Iterator[Group]:
    """List all that can be chosen about this simulator."""
    yield from _GROUPS
    yield Group(
        "phones",
        "Phones of the office",
        "Nobody can answer a phone that is switched off; the office sees it within a minute.",
        tuple(phone(extension) for extension in pbx.account.extensions),
    )


def choose(pbx: "Simulator", group: str, key: str) -> bool:
    """Do what one button says; False when there is none."""
    for choice in (one for found in groups(pbx) if found.key == group for one in found.choices):
        if choice.key == key:
            choice.apply(pbx)
            return True
    return False


_GROUPS = (
    Group(
        "recording",
        "The next recording",
        "What becomes of the next talk that is recorded; the one after it is usual again.",
        (
            recording("usual", "As usual", None),
            recording("late", "Two minutes late", Plan("sound", LATE_RECORDING)),
            recording("twice", "Announced twice", Plan("sound", timedelta(), is_repeated=True)),
            recording("never", "Never comes", sound("never")),
            recording("missing", "Link leads nowhere", sound("missing")),
            recording("rubbish", "No sound in it", sound("rubbish")),
            recording("html", "An error page", sound("html")),
        ),
    ),
    Group(
        "speech",
        "What is said in recordings",
        "With transcripts switched on, the office asks what was recognised.",
        (
            speech("Recognised", "recognized"),
            speech("Still at it", "in progress"),
            speech("Not started", "ready for recognize"),
            speech("Failed", "error"),
        ),
    ),
    Group(
        "lost",
        "Notifications that are lost",
        "The office never hears of them, but the statistics of the PBX list the calls.",
        (lost(0), lost(30), lost(100)),
    ),
    Group(
        "delay",
        "Notifications that are late",
        "Each of them arrives, after a while: the office rings later than its phones.",
        (delayed("none", "In time", 0.0), delayed("late", "After 10 s", DELAY_SECONDS)),
    ),
    Group(
        "api",
        "When the office asks the PBX",
        "Calls, recordings and statistics are asked for by the API.",
        (
            api(None, "It answers"),
            api("slow", "After 4 s", SLOW_SECONDS),
            api("limit", "Too many requests (429)", 30.0),
            api("error", "Internal error"),
            api("html", "Maintenance page"),
            api("down", "No answer"),
        ),
    ),
    Group(
        "clock",
        "The clock of the account",
        "All times in notifications and statistics are written by it.",
        tuple(clock(hours) for hours in (0, 1, 3, -5)),
    ),
    Group(
        "number",
        "The number of the office",
        "A number that ends soon is a warning to managers, once the office has asked again.",
        (
            number("renewed", "Renews itself", NUMBER_LASTS_FOR_DAYS),
            number("ends", "Ends in 3 days", NUMBER_ENDS_IN_DAYS),
        ),
    ),
    Group(
        "money",
        "Money on the account",
        "Without money no call leaves the office.",
        (
            money("enough", "25.00", ENOUGH),
            money("little", "1.20", LITTLE),
            money("none", "None", Decimal()),
        ),
    ),
)
