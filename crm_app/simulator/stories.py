"""Short calls that run by themselves, for a button each on the page."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crm_app.simulator.office import Simulator

_PATIENCE_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Story:
    """What a button does: its words, and the call that it starts."""

    title: str
    hint: str
    tell: Callable[["Simulator", str], None]


def stranger() -> str:
    """Make up the mobile number of somebody nobody knows."""
    return f"+35191{secrets.randbelow(10**7):07d}"


def _ring(pbx: "Simulator", client: str) -> None:
    pbx.ring(client)


def _ring_two(pbx: "Simulator", client: str) -> None:
    pbx.ring(client)
    pbx.ring(stranger())


def _miss(pbx: "Simulator", client: str) -> None:
    call = pbx.ring(client)
    pbx.after(_PATIENCE_SECONDS, call.hang_up)


def _transfer(pbx: "Simulator", client: str) -> None:
    call = pbx.ring(client)
    first, second = (call.ringing * 2)[:2] if call.ringing else ("", "")
    other = next((one for one in pbx.account.extensions if one != first), second)
    steps: tuple[Callable[[], object], ...] = (
        lambda: call.answer(first),
        lambda: call.transfer(other),
        lambda: call.answer(other),
        call.hang_up,
    )
    for place, step in enumerate(steps, 1):
        pbx.after(3.0 * place, step)


def _outgoing(pbx: "Simulator", client: str) -> None:
    call = pbx.dial(pbx.account.extensions[0], client)
    pbx.after(4.0, call.answer)


def _hidden(pbx: "Simulator", client: str) -> None:
    pbx.ring("Anonymous")


def _lost_end(pbx: "Simulator", client: str) -> None:
    call = pbx.ring(client)
    pbx.after(_PATIENCE_SECONDS, lambda: call.hang_up(is_end_lost=True))


STORIES: Mapping[str, Story] = {
    "ring": Story("Call the office", "Rings until somebody answers", _ring),
    "stranger": Story("A stranger", "A number nobody knows", lambda pbx, _: _ring(pbx, stranger())),
    "two": Story("Two at once", "This client and a stranger", _ring_two),
    "missed": Story("Missed", "Gives up after 8 seconds", _miss),
    "transfer": Story("Transfer", "Answered, then passed on", _transfer),
    "outgoing": Story("Outgoing", "The first phone calls the client", _outgoing),
    "hidden": Story("Hidden number", "No number is shown", _hidden),
    "lost": Story("End lost", "The end never reaches the office", _lost_end),
}
