"""The bin: where deleted records wait until somebody restores them; the caller commits."""

from typing import Any

from crm_app import clock
from crm_app.database import hold
from crm_app.extensions import db
from crm_app.journal.services import Author, record
from crm_app.records.registry import noun_of


def put_in_bin(subject: Any, by: Author | None) -> None:
    """Put a record into the bin; doing it again changes nothing. Flushed."""
    hold(db.session, subject)
    if subject.deleted_at is None:
        subject.deleted_at = clock.now()
        _trace(subject, "deleted", by)


def restore(subject: Any, by: Author | None) -> None:
    """Take a record out of the bin; doing it again changes nothing. Flushed."""
    hold(db.session, subject)
    if subject.deleted_at is not None:
        subject.deleted_at = None
        _trace(subject, "restored", by)


def _trace(subject: Any, action: str, by: Author | None) -> None:
    subject.touch()
    record(noun_of(subject).kind, subject.id, action, by)
    db.session.flush()
