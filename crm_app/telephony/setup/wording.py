"""The sentences of the health checks: what is so, and what to do about it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.setup.health_checks import HealthCheck, State
from crm_app.telephony.setup.warnings import Concern
from crm_app.telephony.wording import API
from crm_app.web.display.formatting import phone, when

# A sentence for each state, or for the code where a state has several.
# A state without one does not occur.
HEALTH_CHECKS: dict[str, dict[str, Any]] = {
    "keys": {
        "ok": _l("Zadarma accepts key and secret."),
        "unknown": _l("Key and secret are stored, and have not been tested yet."),
        "bad": _l("Key and secret are missing, cannot be read, or are not accepted. Paste them."),
    },
    "clock": {
        "ok": _l("The clocks of the PBX and of this server agree."),
        "unknown": _l("The PBX's clock is compared once the keys are accepted."),
        "warn": _l("The clocks of the PBX and of this server do not agree. Check both."),
    },
    "shift": {
        "ok": _l("The account's clock has kept its time zone."),
        "unknown": _l("The time zone of the account's clock is not known yet."),
        "warn": _l("The account's clock shows another time zone than before. Check it at Zadarma."),
    },
    "balance": {
        "ok": _l("The account has credit."),
        "unknown": _l("The balance of the account is not known yet."),
        "bad": _l("The account has no credit, so no call leaves the office. Top it up."),
    },
    "extensions": {
        "ok": _l("Everyone's extension exists at the PBX."),
        "unknown": _l("The extensions of the PBX are not known yet."),
        "warn": _l("The PBX does not have the extension of %(names)s."),
        "many": _l(
            "Colleagues have %(count)s phones, but the PBX is asked about at most %(names)s a "
            "minute: part of the time it is unknown whether a phone is registered, and no call is "
            "sent to it."
        ),
        "bad": _l("The PBX has no extension yet. Add one for each colleague at Zadarma."),
    },
    "echo": {
        "ok": _l("The PBX reached %(names)s from outside."),
        "unknown": _l("The PBX tries to reach this server when the address is registered."),
        "bad": _l(
            "The PBX could not reach %(names)s. That address must answer over https from the "
            "internet."
        ),
        "private": _l(
            "The PBX could not reach %(names)s. Set PUBLIC_URL to a public https address."
        ),
    },
    "address": {
        "ok": _l("The PBX posts its notifications to this server."),
        "unknown": _l("Where the PBX posts its notifications is not known yet."),
        "none": _l("The PBX posts its notifications nowhere. Register the address of this server."),
        "old": _l("The PBX still posts to an old address of this server. Register the new one."),
        "elsewhere": _l("The PBX posts its notifications to %(names)s. Register this server."),
        "changed": _l(
            "The address was changed in the Zadarma account: notifications go to %(names)s now. "
            "Register this server again."
        ),
    },
    "notifications": {
        "ok": _l("All kinds of notifications are switched on."),
        "unknown": _l("Which notifications are switched on is not known yet."),
        "off": _l("The PBX does not send %(names)s. Switch all kinds on."),
        "changed": _l(
            "Somebody has switched %(names)s off in the Zadarma account. Switch all kinds on again."
        ),
    },
    "events": {
        "ok": _l("Notifications arrive."),
        "unknown": _l("No notification has arrived yet. Let the PBX call you."),
        "warn": _l("No notification has arrived for several working hours. Call your own number."),
        "bad": _l(
            "Notifications are refused, because their signature does not match the stored keys. "
            "Paste the key and secret of this account."
        ),
    },
    "lost": {
        "ok": _l("The calls that the PBX lists came with notifications."),
        "unknown": _l("The statistics of the PBX have not been compared with notifications yet."),
        "polling_off": _l("Nobody looks whether notifications are missing: polling is off."),
        "bad": _l(
            "Calls come without notifications, so that nothing pops up. Register the address again."
        ),
    },
    "recording": {
        "ok": _l("The last recording was fetched."),
        "unknown": _l(
            "No recording has been fetched yet. Let the PBX call you, and wait a minute."
        ),
        "switched_off": _l("Recordings are not copied: the switch record_copies is off."),
        "bad": _l("The last recording could not be fetched. Look at its call, and try it again."),
    },
    "stream": {
        "ok": _l("Live calls reach this browser."),
        "unknown": _l("Whether live calls reach a browser shows on the set-up page."),
        "waiting": _l("A message to this browser is on its way."),
        "bad": _l(
            "Live calls do not reach this browser. The proxy in front of Ramal must not hold back "
            "what /live sends."
        ),
    },
    "api": {
        "ok": _l("Zadarma answered the last request."),
        "unknown": _l("No request has been sent to Zadarma yet."),
        "bad": _l("The last request to Zadarma failed."),
    },
    "responsible": {
        "ok": _l("A default responsible is chosen."),
        "warn": _l("There is no default responsible yet. Choose one."),
    },
    "senders": {
        "ok": _l("Notifications are accepted only from %(names)s."),
        "warn": _l("Anybody may post notifications: WEBHOOK_ALLOWED_NETWORKS is switched off."),
    },
    "unreadable": {
        "ok": _l("All notifications could be read."),
        "unknown": _l("No notification has been read yet."),
        "warn": _l("Some notifications could not be read. They are kept; see the log."),
    },
}
TITLES: dict[str, Any] = {
    "keys": _l("Keys"),
    "clock": _l("Clock"),
    "shift": _l("Time zone of the account"),
    "balance": _l("Balance"),
    "extensions": _l("Extensions"),
    "echo": _l("Echo from outside"),
    "address": _l("Address registered"),
    "notifications": _l("Notifications on"),
    "events": _l("A notification received"),
    "lost": _l("Missing notifications"),
    "recording": _l("A recording fetched"),
    "stream": _l("Live in this browser"),
    "api": _l("Last request"),
    "responsible": _l("Default responsible"),
    "senders": _l("Senders"),
    "unreadable": _l("Unreadable notifications"),
}


@dataclass(frozen=True, slots=True)
class Button:
    """What can be pressed at once: a page, or a step of the set-up that is done by POST."""

    label: Any
    endpoint: str = ""
    anchor: str = ""
    is_post: bool = False
    url: str = ""


_PASTE = Button(_l("Paste the keys"), "telephony_setup.index", "keys")
_REGISTER = Button(_l("Register"), "telephony_setup.register", is_post=True)
_PEOPLE = Button(_l("People and extensions"), "telephony_setup.index", "people")
_ACCOUNT = Button(_l("Open Zadarma"), url="https://my.zadarma.com/")
_AGAIN = Button(_l("Test again"), "telephony_setup.index")
_TRY_AGAIN = Button(_l("Try again"), "telephony_setup.index")
_CALL_ME = Button(_l("Call me"), "telephony_setup.ring", is_post=True)
_GUIDE = Button(_l("Read the guide"), "telephony_setup.guide")
BUTTONS: dict[tuple[str, State], Button] = {
    ("keys", "bad"): _PASTE,
    ("clock", "warn"): _AGAIN,
    ("shift", "warn"): _ACCOUNT,
    ("balance", "warn"): _ACCOUNT,
    ("balance", "bad"): _ACCOUNT,
    ("extensions", "warn"): _PEOPLE,
    ("extensions", "bad"): _ACCOUNT,
    ("echo", "unknown"): _REGISTER,
    ("echo", "bad"): _REGISTER,
    ("address", "unknown"): _REGISTER,
    ("address", "bad"): _REGISTER,
    ("notifications", "bad"): _REGISTER,
    ("events", "unknown"): _CALL_ME,
    ("events", "warn"): _CALL_ME,
    ("events", "bad"): _PASTE,
    ("lost", "bad"): _REGISTER,
    ("recording", "unknown"): _CALL_ME,
    ("recording", "bad"): Button(_l("Recordings"), "recordings.index"),
    ("stream", "bad"): _AGAIN,
    ("api", "bad"): _AGAIN,
    ("responsible", "warn"): _PEOPLE,
    ("senders", "warn"): _GUIDE,
    ("unreadable", "warn"): _GUIDE,
}


# The PBX said nothing, or nothing of use: what a lamp shows else is not to blame.
NOT_ANSWERED = frozenset(
    {"unreachable", "timed_out", "unreadable_answer", "too_long", "rate_limited", "unknown"}
)


@dataclass(frozen=True, slots=True)
class Report:
    """A health check in the user's language: what it says, and what to do if something is wrong."""

    check: HealthCheck
    says: str

    @property
    def title(self) -> str:
        """Name the lamp."""
        return str(TITLES[self.check.name])

    @property
    def do(self) -> str:
        """Return what to do, "" where all is well: the sentence names it."""
        return self.says if self.check.state in {"warn", "bad"} else ""

    @property
    def button(self) -> Button | None:
        """Return what can be pressed about it: where the PBX did not answer, ask it again."""
        if self.check.code in NOT_ANSWERED:
            return _TRY_AGAIN
        return BUTTONS.get((self.check.name, self.check.state))


def report(check: HealthCheck) -> Report:
    """Put a health check into words."""
    if check.code in API:
        return Report(check, str(API[check.code]))
    if check.name == "balance" and check.state == "warn":
        return Report(check, few_days_sentence(check.count))
    sentences = HEALTH_CHECKS[check.name]
    sentence = sentences.get(check.code) or sentences[check.state]
    return Report(check, str(sentence) % {"names": check.names, "count": check.count})


def warning_sentence(warning: Concern) -> str:
    """Say what managers must hear of."""
    lamp, _point, code = warning.code.partition(".")
    if lamp == "balance" and code == "warn":
        return few_days_sentence(warning.count)
    if lamp in HEALTH_CHECKS:
        sentences = HEALTH_CHECKS[lamp]
        sentence = sentences.get(code) or sentences.get("bad") or sentences["warn"]
        return str(sentence) % {"names": warning.names}
    if lamp == "phones":
        return str(_("Not registered in opening hours: %(names)s.", names=warning.names))
    if lamp == "unanswered":
        return str(
            _(
                "No request to Zadarma has succeeded since %(when)s: a click dials nothing, no "
                "recording is fetched, no message is sent, and nobody knows whose phone is "
                "registered.",
                when=when(datetime.fromisoformat(warning.names)),
            )
        )
    if lamp == "log":
        return str(_("The log was not compared with the PBX for more than a day and a half."))
    if lamp == "mail":
        return str(
            _("Reminders of call-backs by e-mail are switched on, but no mail server is set up.")
        )
    if lamp == "number":
        return _number_sentence(warning)
    if lamp == "jobs":
        return str(
            ngettext(
                "%(num)d background job fails again and again.",
                "%(num)d background jobs fail again and again.",
                warning.count,
            )
        )
    return str(
        _("A disk of this server is nearly full: soon calls or recordings cannot be stored.")
    )


def _number_sentence(warning: Concern) -> str:
    return str(
        ngettext(
            "The number %(number)s ends in %(num)d day and does not renew itself.",
            "The number %(number)s ends in %(num)d days and does not renew itself.",
            warning.count,
            number=phone(warning.names),
        )
    )


def few_days_sentence(days: int) -> str:
    """Say that the money is about to run out."""
    return str(
        ngettext(
            "At the cost of the last days, the balance lasts for %(num)d day. Top it up.",
            "At the cost of the last days, the balance lasts for %(num)d days. Top it up.",
            days,
        )
    )


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
