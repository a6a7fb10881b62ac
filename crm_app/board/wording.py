"""The words of the board in the user's language, with icon and colour."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from crm_app.board.phones import Client, Doing
from crm_app.board.services import State
from crm_app.callbacks.listing import Row
from crm_app.web.display.formatting import phone, when

# Word, icon, colour of the badge.
STATES: dict[State, tuple[Any, str, str]] = {
    State.TALKING: (_l("Talking"), "phone", "green"),
    State.RINGING: (_l("Ringing"), "bell", "azure"),
    State.CALLING: (_l("Calling"), "phone-outgoing", "azure"),
    State.AWAY: (_l("Away"), "clock", "yellow"),
    State.OFF_SHIFT: (_l("Off shift"), "clock", "secondary"),
    State.NO_EXTENSION: (_l("No extension"), "phone-off", "secondary"),
    State.PHONE_OFF: (_l("Phone not registered"), "phone-off", "red"),
    State.PHONE_UNKNOWN: (_l("State of the phone not known"), "phone-off", "secondary"),
    State.FREE: (_l("Free"), "circle-check", "teal"),
}
DOINGS: dict[Doing, State] = {
    "talking": State.TALKING,
    "ringing": State.RINGING,
    "calling": State.CALLING,
}
_SHOWN_DIGITS = 2


def client_name(client: Client, own: str = "") -> str:
    """Name the other side of a call as far as the reader may know it; `own` is left out."""
    if client.is_colleague:
        names = [name for name in client.colleagues if name != own]
        return ", ".join(names) or str(_("a colleague"))
    if client.is_masked:
        return str(_("a client"))
    if client.contact is not None:
        return client.contact.name
    return phone(client.number) or client.call.outside_name or str(_("Hidden number"))


def holder(row: Row) -> str:
    """Say whose a call-back is."""
    call_back = row.call_back
    if call_back.taken_by is not None:
        at = when(call_back.taken_at)
        return str(_("%(who)s took it at %(when)s.", who=call_back.taken_by.name, when=at))
    return call_back.holder.name if call_back.holder else str(_("In the pool"))


def masked(number: str) -> str:
    """Leave two digits of a number, by which those in the office tell two call-backs apart."""
    digits = [sign for sign in number if sign.isdecimal()]
    return f"••• {''.join(digits[-_SHOWN_DIGITS:])}" if len(digits) > 2 * _SHOWN_DIGITS else "•••"
