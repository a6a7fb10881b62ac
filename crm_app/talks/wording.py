"""The sentences about talks that were entered by hand."""

from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from crm_app.calls.fold.facts import Direction
from crm_app.calls.views import outcome_name
from crm_app.contacts import wording as contacts
from crm_app.errors import InvalidInputError
from crm_app.talks import services
from crm_app.talks.models import Talk, TalkKind
from crm_app.web import wording
from crm_app.web.conflict import Change
from crm_app.web.display.formatting import when

KINDS: dict[str, tuple[Any, str]] = {
    TalkKind.MOBILE: (_l("On a mobile"), "phone"),
    TalkKind.VISIT: (_l("Visit"), "map-pin"),
    TalkKind.OTHER: (_l("Another way"), "message"),
}
DIRECTIONS: dict[str, Any] = {
    Direction.OUTBOUND: _l("We called"),
    Direction.INBOUND: _l("They called"),
}
REASONS: dict[str, Any] = {
    "talk_in_future": _l("This time is still to come."),
    "minutes_out_of_range": _l("Enter from 1 to %(most)s minutes."),
    "outcome_unknown": _l("This outcome is not offered any more. Choose another one."),
}


def refusal(error: InvalidInputError) -> str:
    """Say in the user's language why a talk was refused."""
    words = REASONS.get(error.code)
    return str(words) % error.details if words else wording.reason(error)


def reason_of(talk: Talk) -> str:
    """Say for which reason a call-back is done: "Talk entered by hand: Visit"."""
    return str(_("Talk entered by hand: %(kind)s", kind=KINDS[talk.kind][0]))


def missed(talk: Talk, versions: int) -> list[Change]:
    """Return what the last changes of a talk did, for somebody who had not seen them."""
    return contacts.HISTORY.missed(talk.contact_id, versions, services.about(talk))


def _when(value: Any) -> str:
    return when(datetime.fromisoformat(value))


contacts.history_also(
    actions={
        "talk_entered": _l("entered a talk by hand"),
        "talk_changed": _l("changed a talk entered by hand"),
        "talk_deleted": _l("deleted a talk entered by hand"),
    },
    labels={
        "talk_user": _l("Who talked"),
        "talk_kind": _l("How"),
        "talk_direction": _l("Who called"),
        "talk_began_at": _l("When"),
        "talk_minutes": _l("Minutes"),
        "talk_outcome": _l("Outcome"),
        "talk_note": _l("Note"),
    },
    worded={
        "talk_kind": lambda value: str(KINDS[value][0]),
        "talk_direction": lambda value: str(DIRECTIONS[value]),
        "talk_began_at": _when,
        "talk_outcome": outcome_name,
    },
)
