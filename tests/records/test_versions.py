"""Versions: each change counts, and whoever read an earlier one has a conflict."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import inspect

from crm_app.accounts.models import User
from crm_app.errors import ConflictError
from crm_app.extensions import db
from crm_app.records import registry
from crm_app.records.bin import put_in_bin, restore
from crm_app.records.versions import for_update_at
from tests.records.conftest import Make


def version_of(record: Any) -> int:
    """The version that another session reads."""
    db.session.commit()
    db.session.refresh(record)
    found: int = record.version
    return found


def test_every_noun_has_the_same_columns_of_its_history(noun: registry.Noun) -> None:
    columns = inspect(noun.model).columns
    assert {"id", "created_at", "updated_at", "deleted_at", "version"} <= set(columns.keys())


def test_each_change_gives_the_next_version(app: Flask, make: Make, bob: User) -> None:
    record = make("Ana")
    assert version_of(record) == 1
    put_in_bin(record, bob)
    assert version_of(record) == 2
    restore(record, bob)
    assert version_of(record) == 3


def test_what_changes_nothing_keeps_the_version(app: Flask, make: Make, bob: User) -> None:
    record = make("Ana")
    restore(record, bob)
    assert version_of(record) == 1
    put_in_bin(record, bob)
    put_in_bin(record, bob)
    assert version_of(record) == 2


def test_it_holds_only_the_version_that_was_read(app: Flask, make: Make, bob: User) -> None:
    record = make("Ana")
    for_update_at(record, 1)
    put_in_bin(record, bob)
    with pytest.raises(ConflictError):
        for_update_at(record, 1)
