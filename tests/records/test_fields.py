"""A field is described once, and a draft holds nothing that its description refuses."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Any

import pytest
from sqlalchemy import String

from crm_app.contacts.fields import ContactDraft
from crm_app.errors import InvalidInputError
from crm_app.leads.fields import LeadDraft
from crm_app.records.fields import Draft, Field, Kind, field_of, fields_of, plain_names
from crm_app.tasks.fields import TaskDraft


class Colour(StrEnum):
    """A choice."""

    RED = "red"


class BoatDraft(Draft):
    """What is said about a boat."""

    name: Annotated[str, Field("Name", length=5, required="name_empty", is_searched=True)] = ""
    log: Annotated[str, Field("Log", Kind.TEXT, length=10)] = ""
    colour: Annotated[Colour, Field("Colour", Kind.CHOICE)] = Colour.RED
    owner_id: Annotated[int | None, Field("Owner", Kind.PERSON)] = None
    built: Annotated[
        date | None, Field("Built", Kind.DAY, check=lambda day: "old" if day.year < 1990 else "")
    ] = None


@pytest.mark.parametrize(
    ("said", "code", "field"),
    [
        ({"name": ""}, "name_empty", "name"),
        ({"name": " \u200b"}, "name_empty", "name"),
        ({"name": None}, "name_empty", "name"),
        ({"name": "Albatross"}, "too_long", "name"),
        ({"name": 7}, "not_accepted", "name"),
        ({"name": ["Ina"]}, "not_accepted", "name"),
        ({"log": "x" * 11}, "too_long", "log"),
        ({"colour": "blue"}, "choice_unknown", "colour"),
        ({"owner_id": "x"}, "not_accepted", "owner_id"),
        ({"owner_id": 0}, "owner_unknown", "owner_id"),
        ({"owner_id": 2**31}, "owner_unknown", "owner_id"),
        ({"built": "soon"}, "not_accepted", "built"),
        ({"built": date(1989, 1, 1)}, "old", "built"),
        ({"sails": 3}, "not_accepted", "sails"),
    ],
)
def test_it_refuses_what_does_not_fit_with_code_and_field(
    said: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        BoatDraft(**said)
    assert (refused.value.code, refused.value.field) == (code, field)


def test_it_says_how_much_fits() -> None:
    with pytest.raises(InvalidInputError) as refused:
        BoatDraft(name="Albatross")
    assert refused.value.details == {"limit": 5}


def test_it_cleans_a_text_before_it_counts() -> None:
    assert BoatDraft(name=" \x00Irene\u200b ").name == "Irene"


def test_it_reads_what_an_import_sends_as_text() -> None:
    draft = BoatDraft(colour="red", owner_id="7", built="2020-02-29")  # type: ignore[arg-type]
    assert (draft.colour, draft.owner_id, draft.built) == (Colour.RED, 7, date(2020, 2, 29))


def test_it_knows_what_was_said_and_what_was_not() -> None:
    draft = BoatDraft(log="")
    assert draft.said == {"log": ""}
    assert draft.but(name="Ina").said == {"log": "", "name": "Ina"}


def test_it_checks_a_draft_that_is_changed_as_any() -> None:
    with pytest.raises(InvalidInputError):
        BoatDraft(name="Ina").but(name="Albatross")


def test_it_asks_for_what_each_new_record_must_have() -> None:
    with pytest.raises(InvalidInputError) as refused:
        BoatDraft(log="Ready").whole()
    assert (refused.value.code, refused.value.field) == ("name_empty", "name")
    assert BoatDraft(name="Ina").whole() == {
        "name": "Ina", "log": "", "colour": Colour.RED, "owner_id": None, "built": None,
    }  # fmt: skip


def test_it_names_each_field_and_its_key_in_the_history() -> None:
    assert [field.name for field in fields_of(BoatDraft)] == [
        "name", "log", "colour", "owner_id", "built",
    ]  # fmt: skip
    assert field_of(BoatDraft, "owner_id").key == "owner"
    assert plain_names(BoatDraft) == ["name", "log", "colour", "built"]


@pytest.mark.parametrize("draft", [ContactDraft, LeadDraft, TaskDraft])
def test_it_gives_each_text_the_length_of_its_column(draft: type[Draft]) -> None:
    columns = draft.record.__table__.columns
    for field in fields_of(draft):
        column = columns[field.name].type if field.name in columns else None
        if isinstance(column, String) and field.kind is not Kind.CHOICE:
            assert field.length, field.name
            assert column.length in {None, field.length}, field.name
