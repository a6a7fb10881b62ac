"""What the office has decided about call-backs, for those who make and close them."""

from functools import partial

from crm_app.callbacks.rules import Rules
from crm_app.extensions import db
from crm_app.office.services import opening_hours
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.routing.own_numbers import is_own_number


def current(timezone: str) -> Rules:
    """Return the rules as they are now; `timezone` is the office's."""
    settings = TelephonySettings.current()
    return Rules(
        on_since=settings.switched_on_at("call_backs"),
        minutes=settings.switches.call_back_minutes,
        ghost_seconds=settings.switches.ghost_seconds,
        hours=opening_hours(timezone),
        default_responsible_id=settings.default_responsible_id,
        is_own=partial(is_own_number, db.session.connection()),
        sends_mail=settings.switches.is_on("call_back_email"),
    )
