"""Two people edit the same record: the second one is warned, and what they typed is kept.

A form that takes part has two hidden fields, `version` (of the record it shows) and `base`
(a hash of what each of its fields showed then), and inherits them from VersionedForm.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, FieldList, HiddenField

from crm_app.web.ids import read_id
from crm_app.web.line_ends import PlainLines

HOUSEKEEPING = {"csrf_token", "version", "base"}


@dataclass(frozen=True, slots=True)
class Change:
    """One field that somebody else has changed, in words for the screen."""

    who: str
    at: datetime
    label: str
    old: str
    new: str


class VersionedForm(PlainLines):
    """A form that knows which version of its record it was filled from."""

    version = HiddenField()
    base = HiddenField()

    @property
    def read_version(self) -> int:
        """Return the version that was on the screen; 0, which no record has, if unreadable."""
        return read_id(self.version.data) or 0

    def show_version(self, version: int) -> None:
        """Remember the version and the contents that this form is about to show."""
        self.version.data = str(version)
        self.base.data = json.dumps(_hashed(_contents(self)))

    def has_shown(self, newest: "VersionedForm") -> bool:
        """Whether the record still holds what this form showed: for records without versions.

        `newest` is the same form filled from the record.
        """
        return _read_base(self.base.data) == _hashed(_contents(newest))

    def agrees_with(self, newest: "VersionedForm") -> bool:
        """Whether the form equals what the record already holds, as after a second click on Save.

        `newest` is the same form filled from the record.
        """
        return _contents(self) == _contents(newest)

    def rebase(self, newest: "VersionedForm", version: int) -> None:
        """Switch to the newest version of the record without losing what was typed.

        `newest` is the same form filled from the record. A field that its user had not touched
        takes the newest value; one that they had touched keeps theirs. Saving again then overwrites
        only what they were shown.
        """
        shown, typed = _read_base(self.base.data), _hashed(_contents(self))
        for name, value in typed.items():
            if name in shown and value == shown[name]:
                _take(self[name], newest[name])
        self.version.data = str(version)
        self.base.data = json.dumps(_hashed(_contents(newest)))


def _contents(form: FlaskForm) -> dict[str, str]:
    return {field.name: _shown(field) for field in form if field.name not in HOUSEKEEPING}


def _hashed(contents: dict[str, str]) -> dict[str, str]:
    # Otherwise the longest texts would be sent twice and exceed the size limit of a form.
    return {
        name: hashlib.blake2b(value.encode(errors="replace"), digest_size=16).hexdigest()
        for name, value in contents.items()
    }


def _take(field: Field, newest: Field) -> None:
    if isinstance(field, FieldList):
        # The first row is number 0 again, as everywhere.
        field.entries, field.last_index = [], -1
        for row in newest.entries:
            field.append_entry(row.data)
        return
    field.data, field.raw_data = newest.data, None


def _shown(field: Field) -> str:
    # Old texts may be stored with CR LF; a ticked box has a fixed _value().
    has_value = hasattr(field, "_value") and not isinstance(field, BooleanField)
    value = field._value() if has_value else field.data
    return str(value).replace("\r\n", "\n")


def _read_base(text: Any) -> dict[str, str]:
    try:
        base = json.loads(text or "{}")
    except (ValueError, TypeError, RecursionError):
        return {}
    return base if isinstance(base, dict) else {}
