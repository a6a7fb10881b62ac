"""The bin: where deleted records wait until somebody restores them; the caller commits."""

from datetime import datetime
from typing import Any

from crm_app import clock
from crm_app.database import for_update
from crm_app.extensions import db
from crm_app.journal.changes import keeping_of
from crm_app.journal.services import Author
from crm_app.records.registry import noun_of


def put_in_bin(subject: Any, by: Author | None) -> None:
    """Put a record into the bin; doing it again changes nothing. Flushed."""
    for_update(db.session, subject)
    if subject.deleted_at is None:
        _set(subject, clock.now(), "deleted", by)


def restore(subject: Any, by: Author | None) -> None:
    """Take a record out of the bin; doing it again changes nothing. Flushed."""
    for_update(db.session, subject)
    if subject.deleted_at is not None:
        _set(subject, None, "restored", by)


def _set(subject: Any, deleted_at: datetime | None, action: str, by: Author | None) -> None:
    change = keeping_of(noun_of(subject).kind).begin(subject)
    subject.deleted_at = deleted_at
    change.write(action, by)
