"""What can go wrong between the PBX and the office, as choices that a person makes on the page."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from crm_app.simulator.account import NUMBER_LASTS_FOR_DAYS, FaultKind
from crm_app.simulator.sounds import Plan, SoundKind

if TYPE_CHECKING:
    from crm_app.simulator.office import Simulator

LATE_RECORDING = timedelta(minutes=2)
SLOW_SECONDS = 4.0
DELAY_SECONDS = 10.0
NUMBER_ENDS_IN_DAYS = 3
ENOUGH, LITTLE = Decimal("25.00"), Decimal("1.20")


@dataclass(frozen=True, slots=True)
class Choice:
    """One button: its words, what it does, and whether that is so now."""

    key: str
    title: str
    apply: Callable[["Simulator"], None]
    is_on: Callable[["Simulator"], bool]


@dataclass(frozen=True, slots=True)
class Group:
    """Buttons about one thing, and the sentence that says what it is for."""

    key: str
    title: str
    sentence: str
    choices: tuple[Choice, ...]


def groups(pbx: "Simulator") -> Iterator[Group]:
    """List all that can be chosen about this simulator."""
    yield from _GROUPS
    yield Group(
        "phones",
        "Phones of the office",
        "Nobody can answer a phone that is switched off; the office sees it within a minute.",
        tuple(_phone(extension) for extension in pbx.account.extensions),
    )


def choose(pbx: "Simulator", group: str, key: str) -> bool:
    """Do what one button says; False when there is none."""
    for choice in (one for found in groups(pbx) if found.key == group for one in found.choices):
        if choice.key == key:
            choice.apply(pbx)
            return True
    return False


def _phone(extension: str) -> Choice:
    def switch(pbx: "Simulator") -> None:
        pbx.account.online ^= {extension}

    return Choice(extension, extension, switch, lambda pbx: extension in pbx.account.online)


def _recording(key: str, title: str, plan: Plan | None) -> Choice:
    def apply(pbx: "Simulator") -> None:
        pbx.sounds.next = plan and Plan(plan.kind, plan.ready_after, plan.fails, plan.is_repeated)

    return Choice(key, title, apply, lambda pbx: pbx.sounds.next == plan)


def _sound(kind: SoundKind) -> Plan:
    return Plan(kind, ready_after=timedelta())


def _lost(per_cent: int) -> Choice:
    def apply(pbx: "Simulator") -> None:
        pbx.account.lost_share = per_cent / 100

    title = f"{per_cent} %" if per_cent else "None"
    return Choice(str(per_cent), title, apply, lambda pbx: pbx.account.lost_share == per_cent / 100)


def _delayed(key: str, title: str, seconds: float) -> Choice:
    def apply(pbx: "Simulator") -> None:
        pbx.account.delay_seconds = seconds

    return Choice(key, title, apply, lambda pbx: pbx.account.delay_seconds == seconds)


def _api(key: FaultKind | None, title: str, seconds: float = 0.0) -> Choice:
    def apply(pbx: "Simulator") -> None:
        pbx.heal()
        if key is not None:
            pbx.inject(key, path="/v1/", seconds=seconds)

    return Choice(key or "works", title, apply, lambda pbx: pbx.api.faults.kind == key)


def _clock(hours: int) -> Choice:
    def apply(pbx: "Simulator") -> None:
        pbx.account.utc_offset = timedelta(hours=hours)

    title = f"UTC{hours:+d}" if hours else "UTC"
    is_on = timedelta(hours=hours)
    return Choice(title, title, apply, lambda pbx: pbx.account.utc_offset == is_on)


def _number(key: str, title: str, days: int) -> Choice:
    def apply(pbx: "Simulator") -> None:
        pbx.account.number_ends_in = days

    return Choice(key, title, apply, lambda pbx: pbx.account.number_ends_in == days)


def _money(key: str, title: str, balance: Decimal) -> Choice:
    def apply(pbx: "Simulator") -> None:
        pbx.account.balance = balance

    return Choice(key, title, apply, lambda pbx: pbx.account.balance == balance)


_GROUPS = (
    Group(
        "recording",
        "The next recording",
        "What becomes of the next talk that is recorded; the one after it is usual again.",
        (
            _recording("usual", "As usual", None),
            _recording("late", "Two minutes late", Plan("sound", LATE_RECORDING)),
            _recording("twice", "Announced twice", Plan("sound", timedelta(), is_repeated=True)),
            _recording("never", "Never comes", _sound("never")),
            _recording("missing", "Link leads nowhere", _sound("missing")),
            _recording("rubbish", "No sound in it", _sound("rubbish")),
            _recording("html", "An error page", _sound("html")),
        ),
    ),
    Group(
        "lost",
        "Notifications that are lost",
        "The office never hears of them, but the statistics of the PBX list the calls.",
        (_lost(0), _lost(30), _lost(100)),
    ),
    Group(
        "delay",
        "Notifications that are late",
        "Each of them arrives, after a while: the office rings later than its phones.",
        (_delayed("none", "In time", 0.0), _delayed("late", "After 10 s", DELAY_SECONDS)),
    ),
    Group(
        "api",
        "When the office asks the PBX",
        "Calls, recordings and statistics are asked for by the API.",
        (
            _api(None, "It answers"),
            _api("slow", "After 4 s", SLOW_SECONDS),
            _api("limit", "Too many requests (429)", 30.0),
            _api("error", "Internal error"),
            _api("html", "Maintenance page"),
            _api("down", "No answer"),
        ),
    ),
    Group(
        "clock",
        "The clock of the account",
        "All times in notifications and statistics are written by it.",
        tuple(_clock(hours) for hours in (0, 1, 3, -5)),
    ),
    Group(
        "number",
        "The number of the office",
        "A number that ends soon is a warning to managers, once the office has asked again.",
        (
            _number("renewed", "Renews itself", NUMBER_LASTS_FOR_DAYS),
            _number("ends", "Ends in 3 days", NUMBER_ENDS_IN_DAYS),
        ),
    ),
    Group(
        "money",
        "Money on the account",
        "Without money no call leaves the office.",
        (
            _money("enough", "25.00", ENOUGH),
            _money("little", "1.20", LITTLE),
            _money("none", "None", Decimal()),
        ),
    ),
)
