"""A field of a record, described once: for the draft, the form, the history and the search.

A draft is a pydantic model whose fields carry their description:

    class ContactDraft(Draft):
        job_title: Annotated[str, Field(N_("Job title"), length=120, is_searched=True)] = ""

It is checked when it is made, so that no form, import or API call gets more into a column than it
holds. What was not said is not changed: the verbs look at `model_fields_set`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError, model_validator
from pydantic_core import CoreSchema, ErrorDetails, core_schema
from sqlalchemy import inspect

from crm_app import clock
from crm_app.database import LARGEST_ID
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.journal.values import Column, Kept, Reference
from crm_app.text import clean

T = TypeVar("T")

# What pydantic says itself, in our codes.
_CODES = {"enum": "choice_unknown", "missing": "required"}


class Kind(StrEnum):
    """What a field holds, which decides how it is checked, typed and shown."""

    LINE = "line"
    TEXT = "text"
    CHOICE = "choice"
    FLAG = "flag"
    DAY = "day"
    # Many rows, checked one by one.
    ROWS = "rows"
    # The id of a user, and of a record that is found by a search.
    PERSON = "person"
    RECORD = "record"
    # What needs a form field and words of its own, as an amount or a due time does.
    OWN = "own"


# Kept in a column as they are said; all else needs a look at other records.
PLAIN = {Kind.LINE, Kind.TEXT, Kind.CHOICE, Kind.FLAG, Kind.DAY}
REFERRING = {Kind.PERSON, Kind.RECORD}


@dataclass(frozen=True, slots=True)
class Field:
    """What there is to know about a field.

    `label` and the words of `choices` are English, marked by `N_`, and translated when they are
    shown. `required` is the code of the refusal of an empty one, "" for a field that may be empty;
    `length` counts characters. `check` gives the code of the refusal of a value, "" for a good one.
    """

    label: str
    kind: Kind = Kind.LINE
    length: int = 0
    required: str = ""
    choices: Mapping[Any, str] = field(default_factory=dict, compare=False)
    check: Callable[[Any], str] | None = None
    is_searched: bool = False
    is_imported: bool = True
    is_exported: bool = True
    name: str = ""

    @property
    def key(self) -> str:
        """The name in the history: of what is meant, not of the column that holds it."""
        return re.sub("_(id|cents|at)$", "", self.name)

    def fitting(self, text: str | None) -> str:
        """Return as much of a text as the field holds: for what an address proposes to a form."""
        return clean(text)[: self.length]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Have pydantic check what the description says."""
        schema = handler(source)
        if self.kind in {Kind.LINE, Kind.TEXT}:
            # NULL and "" look the same in a form.
            schema = core_schema.no_info_before_validator_function(_plain, schema)
        return core_schema.with_info_after_validator_function(self._checked, schema)

    def _checked(self, value: Any, info: core_schema.ValidationInfo) -> Any:
        name = info.field_name or ""
        if self.required and not value:
            raise InvalidInputError(self.required, name)
        if self.length and len(value) > self.length:
            raise InvalidInputError("too_long", name, limit=self.length)
        is_id = self.kind in REFERRING
        # PostgreSQL fails on a larger one instead of finding nothing.
        if is_id and value is not None and not 0 < value <= LARGEST_ID:
            raise InvalidInputError(unknown(name), name)
        code = self.check(value) if self.check is not None and value is not None else ""
        if code:
            raise InvalidInputError(code, name)
        return value


class Draft(BaseModel):
    """What is said about a record; one that exists holds nothing that would be refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # The model whose columns the fields are named after.
    record: ClassVar[type[Any]]

    @model_validator(mode="wrap")
    @classmethod
    def _refuse(cls, values: Any, handler: Callable[[Any], Self]) -> Self:
        try:
            return handler(values)
        except ValidationError as error:
            raise _refusal(error.errors()[0]) from None

    def but(self, **values: Any) -> Self:
        """Make the same draft with other values, checked as any."""
        return type(self)(**{**self.said, **values})

    @property
    def said(self) -> dict[str, Any]:
        """The values that were said, by name; what was not said is not among them."""
        return {name: getattr(self, name) for name in self.model_fields_set}

    def whole(self) -> dict[str, Any]:
        """The values of a new record, by name: what was not said has its default.

        Raises InvalidInputError where something is missing that each record must have.
        """
        for described in fields_of(type(self)):
            if described.required and not getattr(self, described.name):
                raise InvalidInputError(described.required, described.name)
        return {name: getattr(self, name) for name in type(self).model_fields}


def check_past(day: date) -> str:
    """Return the code of the refusal of a day in the future, or so old that it is a slip."""
    if day > clock.today():
        return "day_in_future"
    return "" if day.year >= 1850 else "day_out_of_range"


def draft_of(record: Any) -> type[Draft]:
    """Return the draft of a record's kind."""
    return next(one for one in Draft.__subclasses__() if isinstance(record, one.record))


def unknown(name: str) -> str:
    """The code of the refusal of an id that belongs to nothing: company_id -> company_unknown."""
    return f"{name.removesuffix('_id')}_unknown"


def fetch(model: type[T], record_id: int | None, name: str) -> T | None:
    """Fetch what the field `name` refers to; raises InvalidInputError when there is no such."""
    if record_id is None:
        return None
    found = db.session.get(model, record_id)
    if found is None:
        raise InvalidInputError(unknown(name), name)
    return found


@lru_cache
def fields_of(draft: type[Draft]) -> tuple[Field, ...]:
    """List the descriptions of a draft's fields, named, in their order."""
    return tuple(_described(draft))


def field_of(draft: type[Draft], name: str) -> Field:
    """Return the description of one field."""
    return next(described for described in fields_of(draft) if described.name == name)


def plain_names(draft: type[Draft]) -> list[str]:
    """List the fields whose value is what the column holds."""
    return [described.name for described in fields_of(draft) if described.kind in PLAIN]


def kept(draft: type[Draft], *own: Kept) -> list[Kept]:
    """List how the journal keeps the fields; `own` are those of other kinds."""
    by_key = {one.name: one for one in own}
    found: list[Kept] = []
    for described in fields_of(draft):
        if described.key in by_key:
            found.append(by_key[described.key])
        elif described.kind in PLAIN:
            found.append(Column(described.name))
        elif described.kind in REFERRING:
            found.append(Reference(described.key))
    return found


def write(values: Mapping[str, Any], record: Any, draft: type[Draft]) -> None:
    """Put the values of plain fields and of references to other records into a record.

    Raises InvalidInputError where there is no such record.
    """
    relationships = inspect(draft.record).relationships
    for described in fields_of(draft):
        if described.name not in values:
            continue
        value = values[described.name]
        if described.kind in PLAIN:
            setattr(record, described.name, value)
        elif described.kind in REFERRING:
            model = relationships[described.key].mapper.class_
            setattr(record, described.key, fetch(model, value, described.name))


def searched(draft: type[Draft], record: Any) -> list[str]:
    """List the texts of a record by which it is found."""
    return [getattr(record, one.name) or "" for one in fields_of(draft) if one.is_searched]


def _described(draft: type[Draft]) -> Iterator[Field]:
    for name, info in draft.model_fields.items():
        for described in info.metadata:
            if isinstance(described, Field):
                yield replace(described, name=name)


def _plain(value: Any) -> Any:
    return clean(value) if value is None or isinstance(value, str) else value


def _refusal(problem: ErrorDetails) -> InvalidInputError:
    name = str(problem["loc"][0]) if problem["loc"] else ""
    return InvalidInputError(_CODES.get(problem["type"], "not_accepted"), name)
