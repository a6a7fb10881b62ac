"""What has been in the bin for longer than the office keeps it is removed for good."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import delete, select, update

from crm_app import clock
from crm_app.accounts.models import OfficeSettings
from crm_app.extensions import db
from crm_app.jobs.runner import NextStep, Payload
from crm_app.journal.models import JournalEntry, Note
from crm_app.records.registry import Noun, noun_of, nouns
from crm_app.security import events
from crm_app.security.kinds import Kind

# Of each noun in one step of the job, which holds SQLite's only write lock.
STEP = 50

T = TypeVar("T", bound=Callable[[Any], None])
_before: dict[type[Any], list[Callable[[Any], None]]] = {}


def before_purge(model: type[Any]) -> Callable[[T], T]:
    """Run a function on each record of a model before it goes, while all still point at it.

    Foreign keys need none: they are emptied, or their rows go along, as their columns say.
    """

    def add(verb: T) -> T:
        _before.setdefault(model, []).append(verb)
        return verb

    return add


def purge(record: Any) -> None:
    """Remove a record for good, with its notes and its history; flushed, the caller commits.

    What points at it stays and points at nothing, unless it belongs to the record.
    """
    noun, record_id = noun_of(record), record.id
    for verb in _before.get(noun.model, ()):
        verb(record)
    db.session.flush()
    _let_go(noun, record_id)
    for model in (Note, JournalEntry):
        is_about = (model.record_type == noun.kind, model.record_id == record_id)
        db.session.execute(delete(model).where(*is_about))
    db.session.execute(delete(noun.model).where(noun.model.id == record_id))
    # What is loaded may still point at it.
    db.session.expire_all()


def purge_bin(_payload: Payload) -> NextStep | None:
    """Purge what has been in the bin for too long, a step at a time: the handler of a job."""
    last = clock.now() - timedelta(days=OfficeSettings.current().bin_days)
    counts = {noun: _purge_some(noun, last) for noun in nouns() if noun.has_bin}
    removed = [f"{noun.kind}: {count}" for noun, count in counts.items() if count]
    if removed:
        events.done(Kind.RECORDS_PURGED, detail=", ".join(removed))
    return NextStep({}) if STEP in counts.values() else None


def _purge_some(noun: Noun, last: Any) -> int:
    # By id, as everywhere, so that no two transactions wait for each other.
    due = (
        select(noun.model)
        .where(noun.model.deleted_at <= last)
        .order_by(noun.model.id)
        .limit(STEP)
        .with_for_update(of=noun.model)
    )
    found = db.session.scalars(due.execution_options(populate_existing=True)).all()
    for record in found:
        purge(record)
    return len(found)


def _let_go(noun: Noun, record_id: int) -> None:
    """Empty the columns that point at a record, and delete the rows that belong to it."""
    for column in noun.references:
        (key,) = column.foreign_keys
        rows = column.table.c
        if key.ondelete == "CASCADE":
            db.session.execute(delete(column.table).where(column == record_id))
            continue
        values: dict[str, Any] = {column.name: None}
        if "updated_at" in rows:
            # Nobody has changed it: named, so that its onupdate does not run.
            values["updated_at"] = rows.updated_at
        db.session.execute(update(column.table).where(column == record_id).values(values))
