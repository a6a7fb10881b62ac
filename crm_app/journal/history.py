"""What was done to a record, in words: the same on the pages of every kind of record."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement

from crm_app.extensions import db
from crm_app.journal.models import JournalEntry, Note
from crm_app.paging import Page, fetch_page
from crm_app.web.conflict import Change

SHOWN = 50
# The author shown for changes by the application itself.
HOUSE = "Ramal"

Line = tuple[JournalEntry, str, list[Change]]


@dataclass(frozen=True, slots=True)
class History:
    """How the history of one kind of record is put into words.

    `labels` name the fields that are shown, `actions` say what was done (after the name of who did
    it), and `worded` writes the value of a field.
    """

    record_type: str
    labels: Mapping[str, Any]
    actions: Mapping[str, Any]
    worded: Callable[[str, Any], str]

    def of(self, record_id: int) -> list[Line]:
        """Return the last 50 things done to a record, the newest first."""
        entries = db.session.scalars(JournalEntry.of(self.record_type, record_id).limit(SHOWN))
        return [(entry, self._action(entry), self._changes(entry)) for entry in entries]

    def missed(
        self, record_id: int, versions: int, *conditions: ColumnElement[bool]
    ) -> list[Change]:
        """Return what the last changes of a record did, for somebody who had not seen them.

        With `conditions`, only the entries that fulfil them count.
        """
        entries = JournalEntry.of(self.record_type, record_id).where(*conditions)
        newest = entries.limit(max(versions, 1))
        missed: list[Change] = []
        for entry in db.session.scalars(newest):
            who = _author(entry)
            missed += self._changes(entry) or [
                Change(who, entry.at, who, "", self._action(entry)),
            ]
        return missed

    def _action(self, entry: JournalEntry) -> str:
        return str(self.actions.get(entry.action, entry.action))

    def _changes(self, entry: JournalEntry) -> list[Change]:
        return [
            Change(
                _author(entry),
                entry.at,
                str(self.labels[field]),
                self.worded(field, old),
                self.worded(field, new),
            )
            for field, (old, new) in entry.shown.items()
            if field in self.labels
        ]


def notes_on(record_type: str, record_id: int, cursor: str = "") -> Page[Note]:
    """Fetch 50 notes on a record, the newest first; `cursor` comes from an earlier page."""
    notes = Note.of(record_type, record_id)
    return fetch_page(db.session, notes, [Note.id], cursor=cursor, descending=True, size=SHOWN)


def _author(entry: JournalEntry) -> str:
    return entry.user.name if entry.user else HOUSE
