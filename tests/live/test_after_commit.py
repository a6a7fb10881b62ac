"""What a verb has to tell the screens leaves with the commit, and never without it."""

from collections.abc import Iterable, Mapping

import pytest
from flask import Flask
from sqlalchemy import text

from crm_app.extensions import db
from crm_app.live import screen_updates
from crm_app.live.screen_updates import after_commit


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[set[int], dict[str, int | None]]]:
    """What the screens are sent."""
    found: list[tuple[set[int], dict[str, int | None]]] = []

    def note(users: Iterable[int], message: Mapping[str, int | None]) -> None:
        found.append((set(users), dict(message)))

    monkeypatch.setattr(screen_updates.screen_updates, "enqueue", note)
    return found


def test_a_message_leaves_with_the_commit_once(app: Flask, sent: list[object]) -> None:
    db.session.execute(text("SELECT 1"))
    after_commit([1, 2], {"call": 42})
    assert sent == []
    db.session.commit()
    db.session.execute(text("SELECT 1"))
    db.session.commit()
    assert sent == [({1, 2}, {"call": 42})]


def test_a_message_of_what_was_given_up_never_leaves(app: Flask, sent: list[object]) -> None:
    db.session.execute(text("SELECT 1"))
    after_commit([1], {"call": 42})
    db.session.rollback()
    db.session.execute(text("SELECT 1"))
    db.session.commit()
    assert sent == []


def test_what_a_savepoint_gives_up_does_not_silence_the_rest(
    app: Flask, sent: list[object]
) -> None:
    after_commit([1], {"call": 42})
    savepoint = db.session.begin_nested()
    savepoint.rollback()
    db.session.commit()
    assert sent == [({1}, {"call": 42})]


def test_a_message_does_not_leave_when_a_savepoint_is_released_but_nothing_is_committed(
    app: Flask, sent: list[object]
) -> None:
    after_commit([1], {"call": 42})
    with db.session.begin_nested():
        db.session.execute(text("SELECT 1"))
        after_commit([2], {"call": 43})
    assert sent == []
    db.session.commit()
    assert sent == [({1}, {"call": 42}), ({2}, {"call": 43})]
