"""The sentences for what was refused, one for each reason code."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from crm_app.errors import InvalidInputError

NUMBER_REASONS: dict[str, Any] = {
    "number_not_a_number": _l("This is not a phone number."),
    "number_too_short": _l("This number is too short."),
    "number_too_long": _l("This number is too long."),
    "number_unknown_country": _l("No country has this code. Check the digits after the plus."),
    "number_wrong_length": _l("This number has too many or too few digits."),
    "number_holds_more": _l("Enter one number only, without an extension."),
}
DOUBTS: dict[str, Any] = {
    "number_not_known": _l("No numbering plan knows this number. Check the digits."),
}
REASONS: dict[str, Any] = NUMBER_REASONS | {
    "required": _l("Fill this in."),
    "too_long": _l("Use at most %(limit)s characters."),
    "choice_unknown": _l("Choose from the list."),
    "email_invalid": _l("This is not an e-mail address."),
    "responsible_unknown": _l("This person no longer exists. Choose another one."),
    "assignee_unknown": _l("This person no longer exists. Choose another one."),
    "contact_unknown": _l("This contact cannot be chosen."),
    "lead_unknown": _l("This lead no longer exists. Choose another one."),
    "amount_too_large": _l("This amount is too large."),
    "day_in_future": _l("This day is still to come."),
    "day_out_of_range": _l("There is no such day in our calendar."),
    "number_twice": _l("This number is already above."),
    "name_empty": _l("Enter a name."),
    "title_empty": _l("Enter a title."),
    "too_many_phones": _l("A contact can have %(most)s numbers at most."),
    "too_many_emails": _l("A contact can have %(most)s e-mail addresses at most."),
    "company_has_people": _l("People work at this company. Move them to another one first."),
    "company_unknown": _l("This company no longer exists. Choose another one."),
    "not_undoable": _l("Changes of this kind cannot be undone."),
    "values_unknown": _l("This was changed before Ramal could undo it."),
    "record_gone": _l("This was permanently deleted."),
    "other_gone": _l("What it belonged to before no longer exists."),
    "changed_since": _l("This has been changed again. Undoing would overwrite that."),
    "already_undone": _l("This has been undone already."),
    "bin_days_out_of_range": _l("Enter from 1 to %(most)s days."),
    "note_empty": _l("Write something first."),
    "note_too_long": _l("This is too long."),
}


def reason(error: InvalidInputError) -> str:
    """Say in the user's language why something was refused."""
    words = str(REASONS.get(error.code) or _("This cannot be accepted."))
    return words % error.details


def doubt(code: str) -> str:
    """Return the warning about something that is accepted anyway, "" for no code."""
    return str(DOUBTS.get(code, ""))
