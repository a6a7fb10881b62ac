"""What the journal keeps of a record: values, to undo changes, and words, to show them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any, Protocol, TypedDict

from sqlalchemy import TypeDecorator, inspect, select
from sqlalchemy.orm import RelationshipProperty

from crm_app.extensions import db


class Value(TypedDict, total=False):
    """What a field held: the value, and the words that stood for it where they differ.

    An entry from before values were kept may have the words alone.
    """

    value: Any
    shown: Any


class FieldChange(TypedDict):
    """What one field held before and after."""

    old: Value
    new: Value


Snapshot = Mapping[str, Value]
Changes = Mapping[str, FieldChange]


class Kept(Protocol):
    """How the journal keeps one field of a record."""

    @property
    def name(self) -> str:
        """The name under which the journal has it."""

    def read(self, record: Any) -> Value:
        """Copy what the record holds, in a form that JSON can hold."""

    def write(self, record: Any, value: Any) -> None:
        """Make the record hold what `read` gave once."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column whose value needs no words."""

    name: str

    def read(self, record: Any) -> Value:
        """Copy the value."""
        return {"value": plain(getattr(record, self.name))}

    def write(self, record: Any, value: Any) -> None:
        """Set the value."""
        setattr(record, self.name, typed(record, self.name, value))


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns that are one field to a reader of the history, such as an amount of money.

    Nothing is shown while the first of them is empty, whatever the others hold.
    """

    name: str
    columns: tuple[str, ...]

    def read(self, record: Any) -> Value:
        """Copy the values."""
        values = [plain(getattr(record, column)) for column in self.columns]
        return {"value": values} if values[0] is not None else {"value": values, "shown": None}

    def write(self, record: Any, value: Any) -> None:
        """Set the values."""
        for column, part in zip(self.columns, value, strict=True):
            setattr(record, column, typed(record, column, part))


@dataclass(frozen=True, slots=True)
class Reference:
    """A relationship to another record, which is shown by its name.

    `is_held_first` says that the other record is locked before this one, so that all transactions
    lock both in the same order.
    """

    name: str
    title: str = "name"
    is_held_first: bool = False

    def read(self, record: Any) -> Value:
        """Copy the id and the other record's present name; pending changes must be flushed."""
        relationship = self._relationship(type(record))
        (column,) = relationship.local_columns
        other_id = getattr(record, inspect(type(record)).get_property_by_column(column).key)
        other = db.session.get(relationship.mapper.class_, other_id) if other_id else None
        return {"value": other_id, "shown": getattr(other, self.title) if other else ""}

    def write(self, record: Any, value: Any) -> None:
        """Refer to the other record again."""
        model = self._relationship(type(record)).mapper.class_
        setattr(record, self.name, db.session.get(model, value) if value is not None else None)

    def id_in(self, value: Any) -> int | None:
        """Give the other record's id out of a value of this field."""
        other_id: int | None = value
        return other_id

    def is_there(self, model: type[Any], value: Any) -> bool:
        """Whether the other record of a value still exists, where there is one."""
        other_id = self.id_in(value)
        other = self._relationship(model).mapper.class_
        return other_id is None or db.session.get(other, other_id) is not None

    def hold(self, model: type[Any], value: Any) -> None:
        """Lock the other record, so that it is not deleted before the end of the transaction."""
        other = self._relationship(model).mapper.class_
        held = select(other.id).where(other.id == value)
        db.session.execute(held.with_for_update(read=True, key_share=True))

    def _relationship(self, model: type[Any]) -> RelationshipProperty[Any]:
        relationship: RelationshipProperty[Any] = inspect(model).relationships[self.name]
        return relationship


def snapshot(record: object, fields: Iterable[Kept | str]) -> dict[str, Value]:
    """Copy fields of a record; a name alone is a column."""
    kept = (Column(field) if isinstance(field, str) else field for field in fields)
    return {field.name: field.read(record) for field in kept}


def difference(before: Snapshot, after: Snapshot) -> dict[str, FieldChange]:
    """Compare two snapshots: the fields whose values are not the same."""
    nothing: Value = {"value": None}
    return {
        field: {"old": before.get(field, nothing), "new": value}
        for field, value in after.items()
        if before.get(field, nothing).get("value") != value.get("value")
    }


def change(old: Any, new: Any) -> FieldChange:
    """Build a field's change from plain values, where no words are needed."""
    return {"old": {"value": plain(old)}, "new": {"value": plain(new)}}


def words(value: Value) -> Any:
    """Return what pages show for a value: its words, else the value."""
    return value.get("shown", value.get("value"))


def plain(value: Any) -> Any:
    """Write a value so that JSON can hold it."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        # Old texts may have CR LF as line ends; that is not a change.
        return value.replace("\r\n", "\n")
    return value


def typed(record: Any, column: str, value: Any) -> Any:
    """Read what `plain` wrote for a column."""
    kind = inspect(type(record)).columns[column].type
    if isinstance(kind, TypeDecorator):
        kind = kind.impl_instance
    is_time = value is not None and issubclass(kind.python_type, date)
    return kind.python_type.fromisoformat(value) if is_time else value
