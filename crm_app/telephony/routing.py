"""What to answer when a call starts: pure decisions over what is known of the caller."""

from collections.abc import Sequence
from dataclasses import dataclass

from crm_app.telephony.zadarma.answers import MAX_NAME_LENGTH, CallReply


@dataclass(frozen=True, slots=True)
class Switches:
    """The automatic functions of the office that concern a starting call."""

    shows_caller_name: bool


def decide(number: str, names: Sequence[str], switches: Switches) -> CallReply:
    """Say how a call from `number` shall go on, given the names of the contacts who have it.

    A hidden number, a colleague's extension and a stranger take the usual way with no name.
    """
    if not switches.shows_caller_name or not number:
        return CallReply()
    return CallReply(caller_name=name_to_show(names) or None)


def name_to_show(names: Sequence[str]) -> str:
    """Make one name of all who share a number, as long as a phone can show it."""
    different = list(dict.fromkeys(" ".join(name.split()) for name in names if name.strip()))
    if len(different) < 2:
        return "".join(different)[:MAX_NAME_LENGTH].strip()
    more = f" +{len(different) - 1}"
    return different[0][: MAX_NAME_LENGTH - len(more)].strip() + more
