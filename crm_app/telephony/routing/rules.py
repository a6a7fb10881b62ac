"""How to route a starting call: pure decisions from the caller and the switches."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from crm_app.telephony.switches import Switches
from crm_app.telephony.zadarma.answers import MAX_NAME_LENGTH, CallReply

if TYPE_CHECKING:
    from crm_app.contacts.numbers.caller import Caller


@dataclass(frozen=True, slots=True)
class StartingCall:
    """A call that has just begun: its number ("" if hidden), our line, when, who may be calling.

    Several callers may share one number; a stranger is none of them.
    """

    number: str
    line: str
    at: datetime
    callers: "tuple[Caller, ...]" = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """The reply for the PBX; `refusal` is the code of why the call is refused, "" if it is not."""

    reply: CallReply
    refusal: str = ""


def decide(call: StartingCall, switches: Switches) -> Decision:
    """Decide how a call goes on.

    A hidden number, a colleague's extension and a stranger are routed as usual, without a name.
    """
    if not switches.is_on("caller_name") or not call.number:
        return Decision(CallReply())
    name = name_to_show([caller.name for caller in call.callers])
    return Decision(CallReply(caller_name=name or None))


def name_to_show(names: Sequence[str]) -> str:
    """Join the names of all who share a number, cut to what a phone can show."""
    different = list(dict.fromkeys(" ".join(name.split()) for name in names if name.strip()))
    if len(different) < 2:
        return "".join(different)[:MAX_NAME_LENGTH].strip()
    more = f" +{len(different) - 1}"
    return different[0][: MAX_NAME_LENGTH - len(more)].strip() + more
