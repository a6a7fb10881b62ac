"""The sentences for what went wrong with the PBX, and what to do about it."""

from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from pydantic.fields import FieldInfo

from crm_app.errors import InvalidInputError
from crm_app.telephony.switches import Switches, allowed_by
from crm_app.web.display.formatting import phone, when
from crm_app.web.wording import NUMBER_REASONS

# What the API answered, or did not.
API: dict[str, Any] = {
    "not_connected": _l("The telephony is not connected. Ask an administrator to connect it."),
    "not_authorised": _l(
        "Zadarma does not accept the key and secret. Copy both again from your Zadarma account, "
        "Settings, Integrations and API."
    ),
    "wrong_number": _l("Zadarma refuses this number, or your extension. Check both."),
    "no_money": _l("The Zadarma account has no credit left. Top it up, then try again."),
    "rate_limited": _l("Too many requests to Zadarma in this minute. Wait a minute."),
    "wrong_request": _l("Zadarma did not accept the request."),
    "not_found": _l("Zadarma does not know this."),
    "unreachable": _l("Zadarma cannot be reached at the moment. Try again in a minute."),
    "timed_out": _l("Zadarma did not answer in time."),
    "unreadable_answer": _l("Ramal could not read Zadarma's answer. Try again in a minute."),
    "gone": _l("Zadarma has it no longer."),
    "too_long": _l("Zadarma's answer was too long to be read."),
    "foreign_link": _l("Zadarma gave an address that is not its own."),
    "unknown": _l("Zadarma reported an error it did not explain."),
}

# Why a number was not dialled.
DIAL: dict[str, Any] = {
    **API,
    **NUMBER_REASONS,
    "no_extension": _l(
        "You have no extension, so no phone of yours can ring. Ask an administrator for one."
    ),
    "extension_offline": _l(
        "Your phone is not registered at the PBX. Switch it on, or open your phone app, and try "
        "again."
    ),
    "extension_unknown": _l(
        "The PBX no longer knows your extension. Ask an administrator for another one."
    ),
    "number_own": _l("This is a number of your own office."),
    "do_not_call": _l("This contact asked not to be called. Call anyway?"),
    "confirm_dialling": _l("Call this number?"),
    "in_call": _l("A call with this number is going on. Call it once more?"),
    "in_talk": _l("%(who)s has been on the phone with this client since %(since)s. Call anyway?"),
    "in_dial": _l("%(who)s has been calling this client since %(since)s. Call anyway?"),
    "held": _l("%(who)s took this call-back at %(since)s. Call anyway?"),
    "already_ringing": _l(
        "Your phone is ringing for %(number)s already. Pick it up, or wait until it stops."
    ),
    "nobody_picked_up": _l("Nobody picked up your phone, so no call was made."),
    "not_started": _l("Your phone was picked up, but the PBX started no call."),
    "browser_phone_silent": _l(
        "The phone in the browser started no call. Look at its window, or close it to be called "
        "on your other phone."
    ),
    "no_answer": _l("The PBX did not answer. If your phone stays silent, try again."),
    "not_picked_up": _l("Your phone rang, but it was not picked up. Nobody was called."),
}
# Dialled anyway when the user confirms.
QUESTIONS = {"do_not_call", "in_call", "in_talk", "in_dial", "held", "confirm_dialling"}
# What else is said before such a question.
ALSO: dict[str, Any] = {
    "in_call": _l("A call with this number is going on."),
    "in_talk": _l("%(who)s has been on the phone with this client since %(since)s."),
    "in_dial": _l("%(who)s has been calling this client since %(since)s."),
    "held": _l("%(who)s took this call-back at %(since)s."),
}
# Why there is no phone in the browser.
PHONE: dict[str, Any] = {
    **API,
    "switched_off": _l("The phone in the browser is switched off for this office."),
    "no_extension": _l(
        "You have no extension, so no phone of yours can ring. Ask an administrator for one."
    ),
    "not_mine": _l("You do not use the phone in the browser."),
}
UNCERTAIN = _l(
    "Zadarma did not answer clearly. Your phone may ring: wait for it before you try again."
)

# What the settings page refuses.
SETTINGS: dict[str, Any] = {
    "key_missing": _l("Paste the key of your Zadarma account."),
    "secret_missing": _l("Paste the secret of your Zadarma account."),
    "key_impossible": _l("This contains characters that no key or secret has."),
    "wrong_key": _l(
        "The stored keys cannot be read, because SECRET_KEY has changed. Paste key and secret "
        "again."
    ),
    "switch_unknown": _l("There is no such automation."),
    "responsible_missing": _l("Choose exactly one default responsible."),
    "responsible_unknown": _l("This person cannot sign in. Choose somebody else."),
    "extension_taken": _l("Somebody else has this extension."),
    "extension_unknown": _l("The PBX has no such extension. Refresh the list and choose again."),
    "extension_invalid": _l("An extension has 3 to 5 digits and does not begin with 0."),
    "user_unknown": _l("This person cannot sign in, and so cannot have an extension."),
}

# Answers of the API that do not say whether key and secret are right.
UNTESTED = frozenset(API.keys() - {"not_authorised"})


def can_be_repeated(code: str) -> bool:
    """Trying the same number again may help."""
    return code not in {"no_extension", "not_connected"}


def setting_sentence(error: InvalidInputError) -> str:
    """Say why the settings page refuses something."""
    if error.code == "switch_impossible":
        return impossible_switch(Switches.model_fields[error.field])
    return str(SETTINGS.get(error.code) or API.get(error.code, API["wrong_request"]))


def impossible_switch(described: FieldInfo) -> str:
    """Say what a switch can be, when it was to be something else."""
    allowed = allowed_by(described)
    if "values" in allowed:
        return str(_("Choose one of these: %(values)s.", **allowed))
    if "or_zero" in allowed:
        return str(_("Type a whole number from %(lowest)d to %(highest)d, or 0.", **allowed))
    return str(_("Type a whole number from %(lowest)d to %(highest)d.", **allowed))


def too_many_sentence(seconds: int) -> str:
    """Say that the user requested calls too often, and when to try again."""
    return str(
        ngettext(
            "Too many calls in a short time. Try again in %(num)d minute.",
            "Too many calls in a short time. Try again in %(num)d minutes.",
            -(-seconds // 60),
        )
    )


def dial_sentence(code: str) -> str:
    """Say why a number was not dialled."""
    return str(DIAL.get(code, API["unknown"]))


def phone_sentence(code: str) -> str:
    """Say why there is no phone in the browser."""
    return str(PHONE.get(code, API["unknown"]))


def refusal_sentence(error: InvalidInputError) -> str:
    """Say why there is no dial request, or ask for what it needs."""
    details: dict[str, Any] = error.details
    also = [
        str(ALSO[known.code]) % _named(known.who, known.since) for known in details.get("also", ())
    ]
    named = _named(details.get("who", ""), details.get("since"))
    number = phone(str(details.get("number", "")))
    return " ".join([*also, dial_sentence(error.code) % {"number": number, **named}])


def _named(who: Any, since: Any) -> dict[str, Any]:
    return {"who": who, "since": when(since) if isinstance(since, datetime) else ""}


def api_sentence(code: str) -> str:
    """Say what the API answered, "" when all is well."""
    return str(API.get(code, API["unknown"])) if code else ""
