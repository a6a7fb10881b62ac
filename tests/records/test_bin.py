"""The bin, the same for every noun: put in, listed, restored, and who sees what in it."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, current_app
from flask.testing import FlaskClient

from crm_app.accounts.models import User
from crm_app.accounts.services import change_office
from crm_app.extensions import db
from crm_app.journal.models import JournalEntry
from crm_app.records.bin import put_in_bin, restore
from crm_app.records.registry import Noun
from tests.records.conftest import Make, give

ClientOf = Callable[[User], FlaskClient]


def address(noun: Noun, name: str, record: Any = None) -> str:
    """The address of one of a noun's pages."""
    ids = {noun.id_name: record.id} if record is not None else {}
    return current_app.url_map.bind("localhost").build(f"{noun.blueprint}.{name}", ids)


def actions(noun: Noun, record: Any) -> list[str]:
    """What was done to a record, the newest first."""
    return [one.action for one in db.session.scalars(JournalEntry.of(noun.kind, record.id))]


@pytest.fixture
def restricted(app: Flask, alice: User) -> None:
    """An office whose agents see only what is theirs."""
    change_office("", restricts_agents=True, by=alice)
    db.session.commit()


def test_it_goes_to_the_bin_with_undo_and_comes_back(
    app: Flask, noun: Noun, make: Make, bob: User, client_of: ClientOf
) -> None:
    record, client = make("Red roof"), client_of(bob)
    give(record, bob)
    back = address(noun, "restore", record)

    after = client.post(address(noun, "delete", record), follow_redirects=True).text
    assert f'action="{back}"' in after
    page = client.get(address(noun, "bin")).text
    assert "Red roof" in page
    assert f'action="{back}"' in page
    assert f'action="{back}"' in client.get(address(noun, "show", record)).text

    answer = client.post(back)
    assert answer.location == address(noun, "show", record)
    assert "The bin is empty" in client.get(address(noun, "bin")).text
    assert actions(noun, record)[:2] == ["restored", "deleted"]


def test_a_second_click_changes_nothing(
    app: Flask, noun: Noun, make: Make, bob: User, client_of: ClientOf
) -> None:
    record, client = make("Red roof"), client_of(bob)
    client.post(address(noun, "delete", record))
    assert client.post(address(noun, "delete", record)).status_code == 404
    client.post(address(noun, "restore", record))
    assert client.post(address(noun, "restore", record)).status_code == 303
    assert actions(noun, record)[:2] == ["restored", "deleted"]
    assert record.version == 3


def test_the_bin_shows_the_last_deleted_first(
    app: Flask, noun: Noun, make: Make, bob: User, client_of: ClientOf
) -> None:
    for title in ("First", "Second"):
        put_in_bin(make(title), bob)
        db.session.commit()
    page = client_of(bob).get(address(noun, "bin")).text
    assert page.index("Second") < page.index("First")


def test_an_agent_of_a_restricted_office_finds_only_what_is_theirs_in_the_bin(
    restricted: None, noun: Noun, make: Make, bob: User, carol: User, client_of: ClientOf
) -> None:
    for title, owner in (("Of Bob", bob), ("Of Carol", carol)):
        record = make(title)
        give(record, owner)
        put_in_bin(record, carol)
        db.session.commit()
    seen = client_of(bob).get(address(noun, "bin")).text
    assert "Of Bob" in seen
    assert "Of Carol" not in seen
    assert client_of(bob).post(address(noun, "restore", record)).status_code == 404


def test_an_agent_restores_what_they_deleted_and_gave_away(
    restricted: None, noun: Noun, make: Make, bob: User, carol: User, client_of: ClientOf
) -> None:
    record = make("Red roof")
    put_in_bin(record, bob)
    give(record, carol)
    answer = client_of(bob).post(address(noun, "restore", record))
    # Its page is not theirs to see any more.
    assert answer.location == address(noun, "index")
    db.session.refresh(record)
    assert not record.is_in_bin


def test_an_office_without_limits_shows_the_bin_of_all_to_all(
    app: Flask, noun: Noun, make: Make, bob: User, carol: User, client_of: ClientOf
) -> None:
    record = make("Of Carol")
    give(record, carol)
    put_in_bin(record, carol)
    db.session.commit()
    assert "Of Carol" in client_of(bob).get(address(noun, "bin")).text
    restore(record, bob)
    assert not record.is_in_bin
