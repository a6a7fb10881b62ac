"""Rows of a form that come and go in the browser."""

from collections.abc import Iterable
from typing import Any

from flask_babel import gettext as _
from wtforms import FieldList, ValidationError
from wtforms.utils import unset_value

from crm_app.web.ids import read_id

# More than a contact may have, so that services can say how many are too many. Beyond it, building
# the rows would hold the whole process up.
MOST_SENT = 500


def refuse_flood(_form: Any, field: "Rows") -> None:
    """Say that not all rows were read, instead of losing some of them."""
    if field.is_cut:
        raise ValidationError(_("There are too many rows."))


class Rows(FieldList):  # type: ignore[misc]
    """Small forms one below another; one whose field `counts_by` is empty counts for nothing.

    A script that adds and removes rows leaves gaps in the numbers they are sent under, and the
    rows get new numbers: whatever else was sent about a row must be read by `place_of`. So are
    the radio buttons named `main_by`, which make `is_main` of one row true.
    """

    def __init__(self, *args: Any, counts_by: str, main_by: str = "", **kwargs: Any) -> None:
        """Take what a FieldList takes, and the names of two fields."""
        super().__init__(*args, validators=[refuse_flood], **kwargs)
        self.counts_by, self.main_by = counts_by, main_by
        self.sent: list[int] = []
        self.is_cut = False

    def process(self, formdata: Any, data: Any = unset_value, extra_filters: Any = None) -> None:
        """Read the rows, and which of them is the main one."""
        super().process(formdata, data, extra_filters)
        if formdata and self.main_by:
            main = self.place_of(formdata.get(self.main_by, ""))
            for place, row in enumerate(self.entries):
                row.form.is_main.data = place == main

    @property
    def filled(self) -> list[Any]:
        """Return the forms of the rows that count."""
        return [row.form for row in self.entries if row.form[self.counts_by].data]

    def place_of(self, number: str) -> int | None:
        """Return which row it is that was sent under a number."""
        sent = read_id(number)
        return self.sent.index(sent) if sent in self.sent else None

    def drop(self, number: str) -> None:
        """Take out the row that was sent under a number."""
        place = self.place_of(number)
        if place is not None:
            self.pop_entry(place)
            del self.sent[place]

    def mark_one(self) -> None:
        """Let the first row be the main one when none is."""
        if self.entries and not any(row.form.is_main.data for row in self.entries):
            self.entries[0].form.is_main.data = True

    def _value(self) -> str:
        # What this field says, in a text that can be compared (crm_app.web.conflict).
        return str([form.data for form in self.filled])

    def _extract_indices(self, prefix: str, formdata: Iterable[str]) -> list[int]:
        # Only numbers that our own pages can give: WTForms fails on one of 5,000 digits.
        names = [name.removeprefix(f"{prefix}-") for name in formdata if name.startswith(prefix)]
        numbers = {read_id(name.partition("-")[0]) for name in names}
        found = sorted(number for number in numbers if number is not None)
        self.sent, self.is_cut = found[:MOST_SENT], len(found) > MOST_SENT
        return self.sent
