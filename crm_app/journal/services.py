"""Writing the journal: what was done to a record, and the notes people leave on it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Protocol

from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.journal.models import JournalEntry, Note
from crm_app.text import required

NOTE_LENGTH = 10_000


class Author(Protocol):
    """Whoever did it: anything with the identity of a user."""

    @property
    def id(self) -> int:
        """Give the identity that is written down."""


def record(
    record_type: str,
    record_id: int,
    action: str,
    by: Author | None,
    changes: Mapping[str, Any] | None = None,
) -> JournalEntry:
    """Write down that somebody (None: the house itself) did something to a record.

    `changes` is what `difference` gives: field -> [old, new]. Nothing is committed.
    """
    entry = JournalEntry(
        record_type=record_type,
        record_id=record_id,
        action=action,
        user_id=by.id if by is not None else None,
        changes=dict(changes or {}),
    )
    db.session.add(entry)
    return entry


def snapshot(record: object, fields: Iterable[str]) -> dict[str, Any]:
    """Copy the named attributes in a form that JSON can hold."""
    return {field: _plain(getattr(record, field)) for field in fields}


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Compare two snapshots: field -> [old, new] for each that is not the same."""
    return {
        field: [before.get(field), value]
        for field, value in after.items()
        if before.get(field) != value
    }


def add_note(record_type: str, record_id: int, text: str, by: Author | None) -> Note:
    """Leave a note on a record; flushed, not committed.

    Raises InvalidInputError with note_empty or note_too_long.
    """
    cleaned = required(text, "note_empty", "text")
    if len(cleaned) > NOTE_LENGTH:
        raise InvalidInputError("note_too_long", "text", limit=NOTE_LENGTH)
    note = Note(
        record_type=record_type,
        record_id=record_id,
        text=cleaned,
        user_id=by.id if by is not None else None,
    )
    db.session.add(note)
    db.session.flush()
    return note


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str):
        # Texts of long ago may have the line ends of a browser; that is no change.
        return value.replace("\r\n", "\n")
    return value
