"""The nouns of the office: each registers itself, beside its model, with what all need to know."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column

from crm_app.extensions import db
from crm_app.journal.kinds import RecordKind
from crm_app.records.mixin import Record


@dataclass(frozen=True, slots=True)
class Noun:
    """One kind of record.

    `title` is the attribute that names a record; `page` the endpoint that shows one, which takes
    its id as `id_name`.
    """

    kind: RecordKind
    model: type[Any]
    title: str
    page: str
    id_name: str

    @property
    def has_bin(self) -> bool:
        """Whether its records are versioned and go to the bin before they are purged."""
        return issubclass(self.model, Record)

    @property
    def blueprint(self) -> str:
        """The blueprint on which all its pages hang."""
        return self.page.partition(".")[0]

    def title_of(self, record: Any) -> str:
        """Name a record as lists and pages do."""
        return str(getattr(record, self.title))

    def address_of(self, record_id: int) -> tuple[str, dict[str, Any]]:
        """Return the endpoint of a record's page and its arguments, as `url_for` takes them."""
        return self.page, {self.id_name: record_id}

    @property
    def references(self) -> list[Column[Any]]:
        """The columns of all tables that point at records of this kind, read from the models."""
        return [
            key.parent
            for table in db.metadata.sorted_tables
            for key in sorted(table.foreign_keys, key=lambda one: one.parent.name)
            if key.column.table is self.model.__table__
        ]


_nouns: dict[RecordKind, Noun] = {}


def register(noun: Noun) -> Noun:
    """Make a noun known; there is one of each kind."""
    if noun.kind in _nouns:
        raise ValueError(f"{noun.kind} is registered already")
    _nouns[noun.kind] = noun
    return noun


def nouns() -> list[Noun]:
    """List what is registered, in the order of registration."""
    return list(_nouns.values())


def noun_of(record: Any) -> Noun:
    """Find the noun of a record, of a model or of the `record_type` of a journal's line.

    Raises LookupError when there is none.
    """
    for noun in _nouns.values():
        if record == noun.kind or record is noun.model or isinstance(record, noun.model):
            return noun
    raise LookupError(f"{record!r} is no registered noun")
