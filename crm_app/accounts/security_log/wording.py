"""The words for security events."""

from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _l

from crm_app.security.kinds import Kind
from crm_app.security.models import SecurityEvent

# By heading, in the order of the filter.
GROUPS: Mapping[Any, Mapping[Kind, Any]] = {
    _l("Sign-in"): {
        Kind.SIGNED_IN: _l("Signed in"),
        Kind.PASSWORD_WRONG: _l("Wrong password"),
        Kind.LOCKED_OUT: _l("Refused after too many tries"),
        Kind.UNLOCKED: _l("Lock-out lifted"),
        Kind.SIGNED_OUT: _l("Signed out"),
        Kind.SESSION_ENDED: _l("Session ended"),
        Kind.LINK_MADE: _l("One-time link created"),
        Kind.LINK_USED: _l("One-time link used"),
        Kind.LINK_REFUSED: _l("One-time link refused"),
        Kind.PASSWORD_CHANGED: _l("New password"),
        Kind.SECOND_FACTOR_ADDED: _l("Second factor added"),
        Kind.SECOND_FACTOR_REMOVED: _l("Second factor removed"),
        Kind.SECOND_FACTOR_RESET: _l("Second factor reset"),
        Kind.SECOND_FACTOR_WRONG: _l("Wrong second factor"),
        Kind.RECOVERY_CODE_USED: _l("Recovery code used"),
    },
    _l("People"): {
        Kind.USER_ADDED: _l("Person added"),
        Kind.ROLE_CHANGED: _l("Role changed"),
        Kind.EMAIL_CHANGED: _l("E-mail changed"),
        Kind.EXTENSION_CHANGED: _l("Extension changed"),
        Kind.USER_DISABLED: _l("Person disabled"),
        Kind.USER_ENABLED: _l("Person enabled"),
    },
    _l("Refusals"): {
        Kind.FORBIDDEN: _l("Page refused"),
        Kind.TOO_MANY: _l("Too many requests"),
        Kind.FORM_REFUSED: _l("Form refused"),
        Kind.WEBHOOK_REFUSED: _l("Notification refused"),
    },
    _l("Settings"): {
        Kind.KEYS_STORED: _l("Telephony keys stored"),
        Kind.KEYS_REFUSED: _l("Telephony keys refused"),
        Kind.DISCONNECTED: _l("Telephony disconnected"),
        Kind.TOKEN_MADE: _l("New secret token of the webhook address"),
        Kind.WEBHOOK_REGISTERED: _l("Webhook address registered at the PBX"),
        Kind.TOKEN_REMOVED: _l("Secret token of the webhook address removed"),
        Kind.SWITCHES_CHANGED: _l("Automation changed"),
        Kind.RESPONSIBLE_CHANGED: _l("Default responsible changed"),
        Kind.OFFICE_CHANGED: _l("Office and permissions changed"),
        Kind.RECORDS_PURGED: _l("Permanently removed from the bin"),
        Kind.WALL_MADE: _l("Address for the office TV created"),
        Kind.WALL_REVOKED: _l("Address for the office TV revoked"),
        Kind.SECRET_KEY_ROTATED: _l("Secret key exchanged"),
    },
}
WORDS: Mapping[str, Any] = {
    kind.value: words for kinds in GROUPS.values() for kind, words in kinds.items()
}
# The words of `detail`; anything else is shown as it is, such as an extension or a page.
DETAILS: Mapping[str, Any] = {
    "password": _l("with the password"),
    "link": _l("with a one-time link"),
    "authenticator": _l("authenticator app"),
    "passkey": _l("passkey"),
    "recovery code": _l("recovery code"),
    "second_factor_for": _l("who must have a second factor"),
    "setup": _l("first administrator"),
    "invitation": _l("invitation"),
    "reset": _l("new password"),
    "wall": _l("office TV"),
    "unknown": _l("not known here"),
    "used": _l("used already"),
    "expired": _l("too old"),
    "agent": _l("Agent"),
    "manager": _l("Manager"),
    "admin": _l("Administrator"),
    "sender": _l("from outside the PBX's network"),
    "signature": _l("wrong signature"),
    "token": _l("wrong address"),
    "not connected": _l("the telephony is not connected"),
    "others": _l("and from many other places"),
    "name": _l("name"),
    "restricts_agents": _l("what agents see"),
    "bin_days": _l("days in the bin"),
    "agents_hear": _l("what agents may listen to"),
    "managers_hear": _l("what managers may listen to"),
    "admins_hear": _l("what administrators may listen to"),
    "team": _l("teams"),
    "contact": _l("contacts"),
    "lead": _l("leads"),
    "task": _l("tasks"),
}


def what(event: SecurityEvent) -> str:
    """Name what happened, in the user's language."""
    return str(WORDS.get(event.kind, event.kind))


def detail(event: SecurityEvent) -> str:
    """Add the details of an event, "" when it has none."""
    parts = event.detail.split(", ") if event.detail else []
    return ", ".join(_part(part) for part in parts)


def _part(part: str) -> str:
    word, colon, count = part.partition(": ")
    return f"{DETAILS.get(word, word)}{colon}{count}"
