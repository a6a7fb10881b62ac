"""The sentences about contacts: their fields and what was done to them."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from crm_app.contacts.forms import KIND_NAMES, PHONE_KIND_NAMES
from crm_app.journal.history import History
from crm_app.journal.kinds import RecordKind
from crm_app.web.display.formatting import phone

LABELS: dict[str, Any] = {
    "name": _l("Name"),
    "kind": _l("Kind"),
    "company": _l("Company"),
    "job_title": _l("Job title"),
    "phones": _l("Phones"),
    "emails": _l("E-mails"),
    "responsible": _l("Responsible"),
    "do_not_call": _l("Do not call"),
    "address": _l("Address"),
    "about": _l("About"),
    "calls_from": _l("Calls from"),
}

ACTIONS: dict[str, Any] = {
    "created": _l("added the contact"),
    "changed": _l("changed the contact"),
    "deleted": _l("put the contact in the bin"),
    "restored": _l("took the contact out of the bin"),
    "not_this_person": _l("said that calls from this number are with somebody else"),
    "this_person_again": _l("said that calls from this number are with this contact again"),
}


def _worded(field: str, value: Any) -> str:
    if field == "phones":
        return ", ".join(_phone(*row) for row in value or [])
    if field == "calls_from":
        return phone(value)
    if field == "emails":
        return ", ".join(value or [])
    if field == "do_not_call":
        return str(_("yes") if value else _("no"))
    if field == "kind":
        return str(KIND_NAMES.get(value, value))
    return str(value or "")


def _phone(number: str, kind: str, is_main: bool) -> str:
    name = str(PHONE_KIND_NAMES.get(kind, kind))  # type: ignore[call-overload]
    return f"{phone(number)} ({name}, {_('main')})" if is_main else f"{phone(number)} ({name})"


HISTORY = History(RecordKind.CONTACT, LABELS, ACTIONS, _worded)
