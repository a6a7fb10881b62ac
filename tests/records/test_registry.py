"""The registry: what the house knows of each noun, and where its kind may be written."""

import ast
from pathlib import Path

import pytest
from flask import Flask

from crm_app.contacts.models import Contact
from crm_app.demo import make_contact, make_lead
from crm_app.journal.kinds import RecordKind
from crm_app.records import registry

CODE = sorted((Path(__file__).resolve().parents[2] / "crm_app").rglob("*.py"))
# Whose first argument is the kind of a record.
TAKERS = {"record", "add_note", "of", "last_by", "notes_on", "History", "keep"}


def test_it_knows_the_nouns_of_an_office(app: Flask) -> None:
    kinds = [noun.kind for noun in registry.nouns()]
    assert set(kinds) >= {RecordKind.CONTACT, RecordKind.LEAD, RecordKind.TASK, RecordKind.CALL}


def test_it_names_a_page_that_shows_one_record(app: Flask) -> None:
    for noun in registry.nouns():
        page, arguments = noun.address_of(1)
        rules = list(app.url_map.iter_rules(page))
        assert [rule.arguments for rule in rules] == [set(arguments)]


def test_it_finds_the_noun_of_a_record_a_model_and_a_kind(app: Flask) -> None:
    ana = make_contact("Ana")
    found = registry.noun_of(ana)
    assert found is registry.noun_of(Contact) is registry.noun_of("contact")
    assert found.title_of(ana) == "Ana"
    assert registry.noun_of(make_lead("Red roof")).kind == RecordKind.LEAD
    with pytest.raises(LookupError):
        registry.noun_of("nothing")


def test_it_refuses_a_second_noun_of_a_kind() -> None:
    with pytest.raises(ValueError, match="contact"):
        registry.register(registry.noun_of(Contact))


def test_it_reads_from_the_models_who_points_at_a_contact() -> None:
    found = {str(column) for column in registry.noun_of(Contact).references}
    assert {"contact.company_id", "lead.contact_id", "task.contact_id", "call.contact_id"} <= found
    assert {"contact_phone.contact_id", "contact_email.contact_id"} <= found


def test_whatever_points_at_a_record_with_a_bin_can_let_go_or_goes_with_it() -> None:
    for noun in registry.nouns():
        for column in noun.references if noun.has_bin else []:
            (key,) = column.foreign_keys
            assert column.nullable or key.ondelete == "CASCADE", column


@pytest.mark.parametrize("path", CODE, ids=lambda path: "/".join(path.parts[-2:]))
def test_the_kind_of_a_record_is_written_in_one_place(path: Path) -> None:
    kinds = {str(kind) for kind in RecordKind}
    written = [
        ast.unparse(call)
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and ast.unparse(call.func).rpartition(".")[2] in TAKERS
        and any(isinstance(one, ast.Constant) and one.value in kinds for one in call.args)
    ]
    assert not written
