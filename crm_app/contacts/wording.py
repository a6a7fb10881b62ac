"""The sentences about contacts: their fields and what was done to them."""

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from crm_app.contacts.fields import ContactDraft
from crm_app.contacts.forms import PHONE_KIND_NAMES
from crm_app.journal.history import History
from crm_app.journal.kinds import RecordKind
from crm_app.records.fields import field_of, plain_names
from crm_app.records.views import Words
from crm_app.records.wording import labels, shown
from crm_app.web.display.formatting import phone

LABELS: dict[str, Any] = {
    **labels(ContactDraft),
    "calls_from": _l("Calls from"),
    "calls_taken": _l("Earlier calls"),
}

ACTIONS: dict[str, Any] = {
    "created": _l("added the contact"),
    "changed": _l("changed the contact"),
    "deleted": _l("put the contact in the bin"),
    "restored": _l("took the contact out of the bin"),
    "not_this_person": _l("said that calls from this number are with somebody else"),
    "calls_taken": _l("got the earlier calls from a number"),
    "calls_given_back": _l("took the earlier calls from a number back"),
    "this_person_again": _l("said that calls from this number are with this contact again"),
}

# How what rooms above write into the history of contacts is worded, by the names of its fields.
_ALSO: dict[str, Callable[[Any], str]] = {}


def history_also(
    *,
    actions: Mapping[str, Any],
    labels: Mapping[str, Any],
    worded: Mapping[str, Callable[[Any], str]],
) -> None:
    """Word what a room above writes into the history of contacts; `worded` is asked for values."""
    ACTIONS.update(actions)
    LABELS.update(labels)
    _ALSO.update(worded)


def _worded(field: str, value: Any) -> str:
    if field in _ALSO:
        return _ALSO[field](value) if value else ""
    if field == "phones":
        return ", ".join(_phone(*row) for row in value or [])
    if field == "calls_from":
        return phone(value)
    if field == "calls_taken":
        return _calls(*value) if value else ""
    if field == "emails":
        return ", ".join(value or [])
    if field in plain_names(ContactDraft):
        return shown(field_of(ContactDraft, field), value)
    return str(value or "")


def _calls(_taken_id: int, number: str, count: int) -> str:
    return str(
        ngettext(
            "%(num)d call from %(number)s", "%(num)d calls from %(number)s", count,
            number=phone(number),
        )
    )  # fmt: skip


def _phone(number: str, kind: str, is_main: bool) -> str:
    name = PHONE_KIND_NAMES.get(kind, kind)
    return f"{phone(number)} ({name}, {_('main')})" if is_main else f"{phone(number)} ({name})"


HISTORY = History(RecordKind.CONTACT, LABELS, ACTIONS, _worded)

WORDS = Words(
    one=_l("Contact"),
    all=_l("Contacts"),
    deleted=_l("Deleted contacts"),
    waiting=_l("Deleted contacts wait here until somebody restores them."),
    binned=lambda name: _("%(name)s is in the bin.", name=name),
    restored=lambda name: _("%(name)s is back.", name=name),
)
