"""The sentences for what services refuse."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from crm_app.accounts.models import BrowserSession
from crm_app.accounts.sessions.throttle import TooManyTriesError
from crm_app.errors import InvalidInputError
from crm_app.journal.models import JournalEntry
from crm_app.web.wording import NUMBER_REASONS

STRENGTHS = {2: _l("Good"), 3: _l("Very good")}
SENTENCES: dict[str, Any] = {
    **NUMBER_REASONS,
    "name_empty": _l("Enter a name."),
    "name_long": _l("Use at most %(maximum)s characters."),
    "email_invalid": _l("This is not an e-mail address."),
    "email_taken": _l("Somebody already has this e-mail."),
    "extension_taken": _l("Somebody already has this extension."),
    "extension_unknown": _l("The PBX has no such extension. Choose one that it has."),
    "extension_invalid": _l("An extension has 3 to 5 digits and does not begin with 0."),
    "disabled": _l("This person is disabled. Enable them first."),
    "not_invited": _l("This person has already chosen a password."),
    "own_role": _l(
        "You cannot take the administrator role from yourself. Ask another administrator."
    ),
    "own_account": _l("You cannot disable yourself. Ask another administrator."),
    "last_admin": _l(
        "This is the last administrator who can sign in. Make somebody else one first."
    ),
    "password_short": _l("Use at least %(minimum)s characters; a short sentence is good."),
    "password_long": _l("Use at most %(maximum)s characters."),
    "password_personal": _l(
        "Leave out “%(word)s”: it is among the first things an attacker tries."
    ),
    "password_common": _l("This is easy to guess. Use a longer one; a short sentence is good."),
    "code_wrong": _l("This code is wrong or was already used. Wait for the next one."),
    "recovery_code_wrong": _l("This recovery code is wrong or was already used."),
    "passkey_refused": _l("The passkey was not accepted. Try again."),
    "passkey_known": _l("This passkey is already set up."),
    "passkey_name": _l("Give the passkey a name of at most %(maximum)s characters."),
    "factor_needed": _l(
        "Your office asks you to have a second factor, and this is your last one. "
        "Set up another one first."
    ),
    "own_factor": _l("Change your own second factors on the page of your account."),
    "link_unknown": _l("This link is not known here. Perhaps a part of it was not copied."),
    "link_used": _l("This link was already used, or a newer one was created."),
    "link_expired": _l("This link is too old."),
}


def sentence(error: InvalidInputError) -> str:
    """Say in the user's language why something was refused."""
    text = str(SENTENCES[error.code])
    return text % error.details if error.details else text


NOTICES: dict[str, Any] = {
    "password_changed": _l("Your password was changed."),
    "reset_link_made": _l("A link for a new password was created for your account."),
    "disabled": _l("Your account was disabled."),
    "enabled": _l("Your account was enabled again."),
    "signed_out": _l("You were signed out everywhere."),
    "factor_added": _l("A second factor was added to your account."),
    "factor_removed": _l("A second factor was removed from your account."),
    "factor_reset": _l("Your second factors were reset."),
    "email": _l("Your e-mail was changed."),
    "role": _l("Your role was changed."),
    "both": _l("Your e-mail and your role were changed."),
}


def notice(entry: JournalEntry) -> str:
    """Say in the user's language what was done to their account."""
    if entry.action != "changed":
        return str(NOTICES[entry.action])
    fields = [field for field in ("email", "role") if field in entry.changes]
    return str(NOTICES["both" if len(fields) > 1 else fields[0]])


def device(row: BrowserSession) -> str:
    """Say in the user's language in which browser somebody is signed in."""
    if row.browser and row.system:
        return str(_("%(browser)s on %(system)s", browser=row.browser, system=row.system))
    return str(row.browser or row.system or _("Unknown browser"))


def strength_sentence(level: int, error: InvalidInputError | None, length: int) -> str:
    """Say how good a password of this length is; `error` is why it is refused."""
    if error is not None and error.code == "password_short":
        missing = int(str(error.details["minimum"])) - length
        more = ngettext("%(num)d more character", "%(num)d more characters", max(missing, 1))
        return str(more)
    return sentence(error) if error is not None else str(STRENGTHS[level])


def wait_sentence(error: TooManyTriesError) -> str:
    """Say in the user's language when to try again."""
    minutes = -(-error.wait_seconds // 60)
    return str(
        ngettext(
            "Too many tries. Try again in %(num)d minute.",
            "Too many tries. Try again in %(num)d minutes.",
            minutes,
        )
    )
