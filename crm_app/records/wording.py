"""Fields in words: their labels and their values, in the user's language."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask_babel import LazyString, format_date, lazy_gettext
from flask_babel import gettext as _

from crm_app.records.fields import Draft, Field, Kind, draft_of, field_of, fields_of


@dataclass(frozen=True, slots=True)
class Fact:
    """A field of a record as a page shows it."""

    label: str
    words: str
    has_lines: bool


def label(field: Field) -> LazyString:
    """Return a field's label, translated when it is shown."""
    return lazy_gettext(field.label)


def labels(draft: type[Draft]) -> dict[str, LazyString]:
    """Return the labels of all fields by their keys in the history."""
    return {field.key: label(field) for field in fields_of(draft)}


def translated(words: Mapping[Any, str]) -> dict[Any, LazyString]:
    """Translate the words of a mapping when they are shown."""
    return {value: lazy_gettext(text) for value, text in words.items()}


def shown(field: Field, value: Any) -> str:
    """Put the value of a plain field, or what the history kept of it, into words; "" for none."""
    if field.kind is Kind.FLAG:
        return str(_("yes") if value else _("no"))
    if not value:
        return ""
    if field.kind is Kind.CHOICE:
        return str(_(field.choices.get(value, value)))
    if field.kind is Kind.DAY:
        # The history keeps it as JSON does.
        day = date.fromisoformat(value) if isinstance(value, str) else value
        return str(format_date(day, "long"))
    return str(value)


def facts_of(record: Any, names: Iterable[str]) -> list[Fact]:
    """Return what is known of some fields of a record; those without a value are left out."""
    described = [field_of(draft_of(record), name) for name in names]
    found = [(field, shown(field, getattr(record, field.name))) for field in described]
    return [
        Fact(str(label(field)), words, field.kind is Kind.TEXT) for field, words in found if words
    ]
