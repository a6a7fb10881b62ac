"""Writes the journal: what was done to a record, and notes on it."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.journal.models import JournalEntry, Note
from crm_app.journal.values import Changes
from crm_app.text import required

NOTE_LENGTH = 10_000


class Author(Protocol):
    """Who did it: anything with the id of a user."""

    @property
    def id(self) -> int:
        """Return the identity that is written down."""


def record(
    record_type: str,
    record_id: int,
    action: str,
    by: Author | None,
    changes: Changes | None = None,
    version: tuple[int | None, int | None] = (None, None),
) -> JournalEntry:
    """Journal what somebody (None: the application itself) did to a record.

    `changes` is what `difference` gives, `version` the record's before and after where it has any.
    Nothing is committed.
    """
    entry = JournalEntry(
        record_type=record_type,
        record_id=record_id,
        action=action,
        user_id=by.id if by is not None else None,
        changes=dict(changes or {}),
        version_before=version[0],
        version_after=version[1],
        batch=db.session().info.get("batch"),
    )
    db.session.add(entry)
    return entry


@contextmanager
def batch() -> Iterator[str]:
    """Group several changes so that they can be undone together: an import, a bulk change, a merge.

    Yields the batch's id. A batch inside another one joins it.
    """
    info = db.session().info
    outer = info.get("batch")
    info["batch"] = outer or uuid.uuid4().hex
    try:
        yield info["batch"]
    finally:
        info["batch"] = outer


def add_note(record_type: str, record_id: int, text: str, by: Author | None) -> Note:
    """Add a note to a record; flushed, not committed.

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
