"""The words of who is here, and why an absence is refused."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from crm_app.accounts.presence.services import Presence
from crm_app.errors import InvalidInputError
from crm_app.web.display.formatting import when

REFUSALS: dict[str, Any] = {
    "until_past": _l("This is over already. Choose a later moment."),
    "until_far": _l("This is more than a hundred years away. Check the year."),
    "deputy_self": _l("Nobody can stand in for themselves."),
    "deputy_unknown": _l("This person cannot sign in. Choose somebody else."),
}


def refusal(error: InvalidInputError) -> str:
    """Say why an absence is refused."""
    return str(REFUSALS[error.code])


def presence_words(presence: Presence) -> str:
    """Say in a few words whether somebody is here."""
    if presence.kind == "here":
        return str(_("Here"))
    if presence.kind == "off_shift":
        return str(_("Off shift"))
    if presence.until is None:
        return str(_("Away"))
    return str(_("Away until %(when)s", when=when(presence.until)))


def consequence(presence: Presence) -> str:
    """Say who stands in for somebody who is away."""
    if presence.deputy is None:
        return str(_("Calls and call-backs go to the others."))
    return str(_("%(name)s stands in.", name=presence.deputy.name))
