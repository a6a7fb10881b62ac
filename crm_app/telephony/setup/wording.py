"""The sentences of the health checks: what is so, and what to do about it."""

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.setup.health_checks import HealthCheck, State
from crm_app.web.display.formatting import when

# The health checks: a sentence for each state.
# A state without one does not occur.
HEALTH_CHECKS: dict[str, dict[str, Any]] = {
    "keys": {
        "ok": _l("Zadarma accepts key and secret."),
        "unknown": _l("Key and secret are stored, and have not been tested yet."),
        "bad": _l("Key and secret are missing, cannot be read, or are not accepted. Paste them."),
    },
    "api": {
        "ok": _l("Zadarma answered the last request."),
        "unknown": _l("No request has been sent to Zadarma yet."),
        "bad": _l("The last request to Zadarma failed."),
    },
    "balance": {
        "ok": _l("The account has credit."),
        "unknown": _l("The balance of the account is not known yet."),
        "bad": _l("The account has no credit."),
    },
    "address": {
        "ok": _l("The webhook address is an https address that others can reach."),
        "warn": _l(
            "Zadarma cannot reach this server. It needs a public https address (PUBLIC_URL)."
        ),
    },
    "senders": {
        "ok": _l("Notifications are accepted only from %(names)s."),
        "warn": _l("Anybody may post notifications: WEBHOOK_ALLOWED_NETWORKS is switched off."),
    },
    "responsible": {
        "ok": _l("A default responsible is chosen."),
        "warn": _l("There is no default responsible yet. Choose one."),
    },
    "extensions": {
        "ok": _l("Everyone's extension exists at the PBX."),
        "unknown": _l("The extensions of the PBX are not known yet."),
        "warn": _l("The PBX does not have the extension of %(names)s."),
    },
    "events": {
        "ok": _l("Notifications arrive."),
        "unknown": _l("No notification has arrived yet. Paste the webhook address at Zadarma."),
        "warn": _l("No notification has arrived for several working hours. Call your own number."),
        "bad": _l(
            "Notifications are refused, because their signature does not match the stored keys. "
            "Paste the key and secret of this account."
        ),
    },
    "unreadable": {
        "ok": _l("All notifications could be read."),
        "unknown": _l("No notification has been read yet."),
        "warn": _l("Some notifications could not be read. They are kept; see the log."),
    },
    "clock": {
        "ok": _l("The clocks of the PBX and of this server agree."),
        "unknown": _l("The PBX's clock is compared when the first call arrives."),
        "warn": _l("The clocks of the PBX and of this server do not agree. Check both."),
    },
}


@dataclass(frozen=True, slots=True)
class Report:
    """A health check in the user's language: what it says, and what to do if something is wrong."""

    check: HealthCheck
    says: str

    @property
    def do(self) -> str:
        """Return what to do, "" where all is well: the sentence names it."""
        return self.says if self.check.state in {"warn", "bad"} else ""


def report(check: HealthCheck) -> Report:
    """Put a health check into words."""
    return Report(check, str(HEALTH_CHECKS[check.name][check.state]) % {"names": check.names})


def badge(state: State, settings: TelephonySettings) -> tuple[str, str]:
    """Return two words on how the last test of the keys went, and their colour."""
    at = when(settings.tested_at)
    if not settings.is_connected:
        return str(_("Not connected")), "secondary"
    if state == "bad":
        return str(_("Keys refused")), "red"
    if settings.tested_at is None:
        return str(_("Not tested")), "secondary"
    if settings.last_error:
        return str(_("Not reached %(when)s", when=at)), "yellow"
    return str(_("Connected %(when)s", when=at)), "green"
