"""The buttons that let something go wrong: what each does, and whether that is so now."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from crm_app.simulator.account import FaultKind
from crm_app.simulator.sounds import Plan, SoundKind

if TYPE_CHECKING:
    from crm_app.simulator.office import Simulator


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


def phone(extension: str) -> Choice:
    """Switch a phone on or off."""

    def switch(pbx: "Simulator") -> None:
        pbx.account.online ^= {extension}

    return Choice(extension, extension, switch, lambda pbx: extension in pbx.account.online)


def recording(key: str, title: str, plan: Plan | None) -> Choice:
    """Say what becomes of the next recording; None for what is usual."""

    def apply(pbx: "Simulator") -> None:
        pbx.sounds.next = plan and Plan(plan.kind, plan.ready_after, plan.fails, plan.is_repeated)

    return Choice(key, title, apply, lambda pbx: pbx.sounds.next == plan)


def sound(kind: SoundKind) -> Plan:
    """Return the plan of a recording of some kind that is ready at once."""
    return Plan(kind, ready_after=timedelta())


def lost(per_cent: int) -> Choice:
    """Lose a share of the notifications."""

    def apply(pbx: "Simulator") -> None:
        pbx.account.lost_share = per_cent / 100

    title = f"{per_cent} %" if per_cent else "None"
    return Choice(str(per_cent), title, apply, lambda pbx: pbx.account.lost_share == per_cent / 100)


def delayed(key: str, title: str, seconds: float) -> Choice:
    """Let each notification arrive some seconds late."""

    def apply(pbx: "Simulator") -> None:
        pbx.account.delay_seconds = seconds

    return Choice(key, title, apply, lambda pbx: pbx.account.delay_seconds == seconds)


def api(key: FaultKind | None, title: str, seconds: float = 0.0) -> Choice:
    """Let all requests to the API fail in one way, or none."""

    def apply(pbx: "Simulator") -> None:
        pbx.heal()
        if key is not None:
            pbx.inject(key, path="/v1/", seconds=seconds)

    return Choice(key or "works", title, apply, lambda pbx: pbx.api.faults.kind == key)


def clock(hours: int) -> Choice:
    """Set the account's clock some hours ahead of UTC."""

    def apply(pbx: "Simulator") -> None:
        pbx.account.utc_offset = timedelta(hours=hours)

    title = f"UTC{hours:+d}" if hours else "UTC"
    is_on = timedelta(hours=hours)
    return Choice(title, title, apply, lambda pbx: pbx.account.utc_offset == is_on)


def number(key: str, title: str, days: int) -> Choice:
    """Let the number of the office end in some days."""

    def apply(pbx: "Simulator") -> None:
        pbx.account.number_ends_in = days

    return Choice(key, title, apply, lambda pbx: pbx.account.number_ends_in == days)


def speech(title: str, status: str) -> Choice:
    """Set how far the recognition of recordings is."""

    def apply(pbx: "Simulator") -> None:
        pbx.sounds.speech = status

    return Choice(status, title, apply, lambda pbx: pbx.sounds.speech == status)


def money(key: str, title: str, balance: Decimal) -> Choice:
    """Set the balance of the account."""

    def apply(pbx: "Simulator") -> None:
        pbx.account.balance = balance

    return Choice(key, title, apply, lambda pbx: pbx.account.balance == balance)
