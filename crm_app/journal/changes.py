"""The one way to change a record: values before and after, and the next version."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from crm_app.database import for_update
from crm_app.extensions import db
from crm_app.journal import services
from crm_app.journal.kinds import RecordKind
from crm_app.journal.models import JournalEntry
from crm_app.journal.services import Author
from crm_app.journal.values import Changes, Kept, Snapshot, difference, snapshot


def _settle_nothing(_record: Any, _fields: Collection[str]) -> None:
    """Do nothing, for records without derived values."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """How the journal keeps one kind of record.

    All that a verb may change is in `fields`. `opposites` name the action that undoes another one,
    if it has a different name. `settle` writes what is derived from the changed fields, and raises
    InvalidInputError for impossible records.
    """

    record_type: RecordKind
    model: type[Any]
    fields: tuple[Kept, ...]
    opposites: Mapping[str, str] = field(default_factory=dict)
    settle: Callable[[Any, Collection[str]], None] = _settle_nothing

    def fetch(self, record_id: int) -> Any:
        """Fetch a record for update; None when there is none."""
        record = db.session.get(self.model, record_id)
        if record is not None:
            for_update(db.session, record)
        return record

    def begin(self, record: Any) -> "Change":
        """Lock a record for a change until the transaction ends."""
        db.session.flush()
        return Change(self, record, snapshot(record, self.fields), _version(record))

    def created(self, record: Any, by: Author | None) -> JournalEntry:
        """Record that a record was created; it must be flushed."""
        version = (None, _version(record))
        return services.record(self.record_type, record.id, "created", by, version=version)


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a record that is under way."""

    keeping: Keeping
    record: Any
    before: Snapshot
    version: int | None

    def write(
        self,
        action: str,
        by: Author | None,
        more: Changes | None = None,
        *,
        is_version: bool = True,
    ) -> JournalEntry | None:
        """Journal the difference as the next version of the record; flushed.

        Returns None, and leaves the version, when nothing differs. `more` is what the history shows
        beside the fields. Without `is_version` the record keeps its version, so that nobody who
        edits it has a conflict.
        """
        db.session.flush()
        changes = difference(self.before, snapshot(self.record, self.keeping.fields))
        if not changes:
            return None
        if self.version is not None and is_version:
            self.record.touch()
        entry = services.record(
            self.keeping.record_type,
            self.record.id,
            action,
            by,
            {**changes, **(more or {})},
            version=(self.version, _version(self.record)),
        )
        db.session.flush()
        return entry


_kept: dict[RecordKind, Keeping] = {}


def keep(keeping: Keeping) -> Keeping:
    """Register how a kind of record is kept."""
    _kept[keeping.record_type] = keeping
    return keeping


def keeping_of(record_type: str) -> Keeping:
    """Return how a kind of record is kept.

    Raises LookupError for a kind whose changes can only be read.
    """
    return _kept[RecordKind(record_type)]


def _version(record: Any) -> int | None:
    version: int | None = getattr(record, "version", None)
    return version
