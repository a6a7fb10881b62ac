"""Undo: the journal gives back the exact state before, or says why it cannot; the caller commits.

The way back is written down as any change is. What was created goes to the bin, for nothing that
somebody may have referred to is ever just gone.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import select

from crm_app import clock
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.journal import services as journal
from crm_app.journal.changes import Change, Keeping, keeping_of
from crm_app.journal.models import JournalEntry
from crm_app.journal.services import Author
from crm_app.journal.values import Changes, Kept, Reference

# SQLite takes some thousand values in one statement, PostgreSQL no more than 65,535.
MOST_AT_ONCE = 500


class CannotUndoError(InvalidInputError):
    """A change cannot be taken back; `code` says why, `field` which field of the record it is.

    not_undoable: changes of such records can only be read. values_unknown: only words were kept.
    record_gone: the record was purged. other_gone: what the field referred to was.
    changed_since: the field holds something else by now. already_undone.
    """

    def __init__(self, code: str, entry: JournalEntry, field: str = "") -> None:
        super().__init__(code, field)
        self.entry = entry


def undo(entry: JournalEntry, by: Author | None) -> JournalEntry:
    """Restore what one change took from a record; returns the entry of that, flushed.

    Raises CannotUndoError, or the InvalidInputError of a rule of the record that the old state
    would break now; nothing is changed then.
    """
    keeping = _keeping_of(entry)
    _hold_references(keeping, entry)
    record = _fetch(keeping, entry)
    with db.session.begin_nested():
        change = keeping.begin(record)
        if entry.action == "created":
            _undo_creation(record, entry)
            undone = change.write("deleted", by)
        else:
            _undo_change(change, entry)
            undone = change.write(
                keeping.opposites.get(entry.action, entry.action),
                by,
                _turned(keeping, entry),
                is_version=entry.version_before != entry.version_after,
            )
        if undone is None:
            raise CannotUndoError("already_undone", entry)
        undone.undoes_id = entry.id
        db.session.flush()
    return undone


def undo_batch(batch: str, by: Author | None) -> list[JournalEntry]:
    """Undo a whole batch, the last change first; all of it or nothing.

    What was taken back by itself already is left. Raises what `undo` raises.
    """
    entries = _entries_of(batch)
    left = [entry for entry in entries if not is_undone(entry)]
    if entries and not left:
        raise CannotUndoError("already_undone", entries[0])
    _hold_all(left)
    with db.session.begin_nested(), journal.batch():
        return [undo(entry, by) for entry in left]


def is_undone(entry: JournalEntry) -> bool:
    """Whether a change is undone, and the undo itself is not."""
    return any(later.undoes_id == entry.id for later in _in_force(entry))


def _undo_change(change: Change, entry: JournalEntry) -> None:
    fields = [field for field in change.keeping.fields if field.name in entry.changes]
    if not fields:
        raise CannotUndoError("values_unknown", entry)
    for field in fields:
        _refuse_lost(entry, field.name)
        if change.before[field.name]["value"] != entry.changes[field.name]["new"]["value"]:
            code = "already_undone" if is_undone(entry) else "changed_since"
            raise CannotUndoError(code, entry, field.name)
    for field in fields:
        _write(field, change.record, entry)
    db.session.flush()
    change.keeping.settle(change.record, [field.name for field in fields])


def _undo_creation(record: Any, entry: JournalEntry) -> None:
    if record.deleted_at is not None:
        raise CannotUndoError("already_undone", entry)
    for later in _in_force(entry):
        # What was done since and taken back again leaves no trace.
        if later.undoes_id is None or later.undoes_id <= entry.id:
            raise CannotUndoError("changed_since", entry)
    record.deleted_at = clock.now()


def _refuse_lost(entry: JournalEntry, name: str) -> None:
    sides = entry.changes[name]
    if "value" not in sides["old"] or "value" not in sides["new"]:
        raise CannotUndoError("values_unknown", entry, name)


def _write(field: Kept, record: Any, entry: JournalEntry) -> None:
    value = entry.changes[field.name]["old"]["value"]
    if isinstance(field, Reference) and not field.is_there(type(record), value):
        raise CannotUndoError("other_gone", entry, field.name)
    field.write(record, value)


def _turned(keeping: Keeping, entry: JournalEntry) -> Changes:
    """Turn round what the history shows beside the fields."""
    fields = {field.name for field in keeping.fields}
    return {
        name: {"old": change["new"], "new": change["old"]}
        for name, change in entry.changes.items()
        if name not in fields
    }


def _keeping_of(entry: JournalEntry) -> Keeping:
    try:
        return keeping_of(entry.record_type)
    except LookupError:
        raise CannotUndoError("not_undoable", entry) from None


def _fetch(keeping: Keeping, entry: JournalEntry) -> Any:
    record = keeping.fetch(entry.record_id)
    if record is None:
        raise CannotUndoError("record_gone", entry)
    return record


def _hold_references(keeping: Keeping, entry: JournalEntry) -> None:
    for field in keeping.fields:
        if isinstance(field, Reference) and field.is_held_first and field.name in entry.changes:
            field.hold(keeping.model, entry.changes[field.name]["old"].get("value"))


def _hold_all(entries: Sequence[JournalEntry]) -> None:
    # In the order of their ids, as everywhere, so that no two wait for each other.
    ids: dict[type[Any], set[int]] = defaultdict(set)
    for entry in entries:
        ids[_keeping_of(entry).model].add(entry.record_id)
    for model, its_ids in sorted(ids.items(), key=lambda item: item[0].__name__):
        in_order = sorted(its_ids)
        for start in range(0, len(in_order), MOST_AT_ONCE):
            some = in_order[start : start + MOST_AT_ONCE]
            rows = select(model.id).where(model.id.in_(some)).order_by(model.id)
            db.session.execute(rows.with_for_update())


def _entries_of(batch: str) -> Sequence[JournalEntry]:
    entries = select(JournalEntry).where(JournalEntry.batch == batch)
    return db.session.scalars(entries.order_by(JournalEntry.id.desc())).all()


def _in_force(entry: JournalEntry) -> Iterator[JournalEntry]:
    """List what was done to the record since, except what was taken back by something listed."""
    db.session.flush()
    entries = JournalEntry.of(entry.record_type, entry.record_id)
    undone: set[int | None] = set()
    for later in db.session.scalars(entries.where(JournalEntry.id > entry.id)):
        if later.id not in undone:
            undone.add(later.undoes_id)
            yield later
