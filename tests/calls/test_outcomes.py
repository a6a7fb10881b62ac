"""The office names and orders the outcomes of a call; what was written up keeps its word."""

import sqlite3
from collections.abc import Callable
from threading import Timer

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm_app.accounts.models import User
from crm_app.calls.models import CallOutcome, CallWrapup
from crm_app.calls.wrapup import outcomes
from crm_app.extensions import db
from tests.calls.test_call_log import answered

PAGE = "/calls/outcomes"
SignIn = Callable[[User], FlaskClient]


@pytest.fixture
def manager(dora: User, client_of: SignIn) -> FlaskClient:
    """The browser of a manager."""
    client = client_of(dora)
    db.session.rollback()
    return client


def names() -> list[str]:
    """List what is offered, by code or name."""
    found = [row.label or row.code for row in outcomes.offered()]
    db.session.rollback()
    return found


def outcome(name: str) -> CallOutcome:
    """Find an offered outcome."""
    return next(row for row in outcomes.offered() if name in {row.label, row.code})


def test_only_managers_change_the_outcomes(bob: User, client_of: SignIn) -> None:
    client = client_of(bob)
    db.session.rollback()
    assert client.get(PAGE).status_code == 403
    for path in ("", "/1", "/1/shift", "/1/remove", "/1/back"):
        assert client.post(f"{PAGE}{path}").status_code == 403
    assert PAGE not in client.get("/calls").text


def test_an_outcome_is_added_renamed_and_moved(app: Flask, manager: FlaskClient) -> None:
    assert PAGE in manager.get("/calls").text
    manager.get(PAGE)
    assert manager.post(PAGE, data={"label": " Wants a visit "}).status_code == 303
    assert names() == [*outcomes.DEFAULTS, "Wants a visit"]
    visit = outcome("Wants a visit").id
    manager.post(f"{PAGE}/{visit}", data={"label": "Visit"})
    manager.post(f"{PAGE}/{visit}/shift", data={"to": "up"})
    assert names() == [*outcomes.DEFAULTS[:-1], "Visit", outcomes.DEFAULTS[-1]]
    first = outcome("done").id
    manager.post(f"{PAGE}/{first}/shift", data={"to": "up"})
    assert names()[0] == "done"
    page = manager.get(PAGE).text
    assert "changed the outcomes" in page
    assert "Wants a visit" in page


def test_a_default_outcome_that_gets_its_word_back_speaks_every_language(
    app: Flask, manager: FlaskClient
) -> None:
    manager.get(PAGE)
    done = outcome("done").id
    manager.post(f"{PAGE}/{done}", data={"label": "Settled"})
    assert outcome("Settled").code == "done"
    manager.post(f"{PAGE}/{done}", data={"label": "Done"})
    assert outcome("done").label == ""


@pytest.mark.parametrize(
    ("label", "sentence"),
    [
        ("", "required"),
        ("  ", "required"),
        ("INTERESTED", "There is an outcome with this name"),
        ("x" * 61, "60"),
    ],
)
def test_a_name_that_cannot_be_comes_back_with_the_reason(
    app: Flask, manager: FlaskClient, label: str, sentence: str
) -> None:
    manager.get(PAGE)
    for path in (PAGE, f"{PAGE}/{outcome('done').id}"):
        db.session.rollback()
        answer = manager.post(path, data={"label": label})
        assert answer.status_code == 422
        assert sentence in answer.text
        assert 'aria-invalid="true"' in answer.text
    assert names() == list(outcomes.DEFAULTS)


def test_there_are_as_many_outcomes_as_keys_and_one_at_least(
    app: Flask, manager: FlaskClient
) -> None:
    for number in range(4):
        answer = manager.post(PAGE, data={"label": f"More {number}"})
    assert answer.status_code == 422
    assert "nine outcomes" in answer.text
    assert len(names()) == outcomes.MOST
    for row in outcomes.offered():
        manager.post(f"{PAGE}/{row.id}/remove")
    assert len(names()) == 1


def test_a_removed_outcome_stays_on_the_calls_that_have_it(
    app: Flask, manager: FlaskClient, bob: User
) -> None:
    call_id = answered()
    manager.post(PAGE, data={"label": "Wants a visit"})
    visit = outcome("Wants a visit")
    db.session.add(
        CallWrapup(call_id=call_id, user_id=bob.id, outcome=visit.code, saved_at=bob.created_at)
    )
    visit_id, code = visit.id, visit.code
    db.session.commit()
    manager.post(f"{PAGE}/{visit_id}/remove")
    assert "Wants a visit" not in names()
    assert "Wants a visit" in manager.get(f"/calls/{call_id}").text
    # Under the same name it is the same outcome again, with the calls that have it.
    manager.post(PAGE, data={"label": "wants a visit"})
    assert outcome("wants a visit").code == code


def test_removing_can_be_undone(app: Flask, manager: FlaskClient) -> None:
    manager.get(PAGE)
    done = outcome("done").id
    manager.post(f"{PAGE}/{done}/remove")
    assert f"{PAGE}/{done}/back" in manager.get(PAGE).text
    manager.post(f"{PAGE}/{done}/back")
    assert "done" in [row.code for row in outcomes.offered()]
    # It has no name of its own now either, and speaks every language.
    assert outcome("done").label == ""


def test_what_was_removed_comes_back_to_its_place(app: Flask, manager: FlaskClient) -> None:
    manager.get(PAGE)
    before = names()
    second = outcomes.offered()[1].id
    manager.post(f"{PAGE}/{second}/remove")
    assert len(names()) == len(before) - 1
    manager.post(f"{PAGE}/{second}/back")
    assert names() == before


def test_it_does_not_come_back_over_what_was_changed_since(
    app: Flask, manager: FlaskClient
) -> None:
    manager.get(PAGE)
    second, last = outcomes.offered()[1].id, outcomes.offered()[-1].id
    manager.post(f"{PAGE}/{second}/remove")
    manager.post(f"{PAGE}/{last}/shift", data={"to": "up"})
    changed = names()
    answer = manager.post(f"{PAGE}/{second}/back", follow_redirects=True)
    assert "Undoing would overwrite that." in answer.text
    assert names() == changed


def test_the_first_look_at_the_page_waits_for_whoever_writes(
    app: Flask, manager: FlaskClient
) -> None:
    if db.engine.dialect.name != "sqlite":
        assert manager.get(PAGE).status_code == 200
        return
    file = db.engine.url.database or ""
    writer = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    writer.execute("BEGIN IMMEDIATE")
    end = Timer(0.5, writer.execute, ("ROLLBACK",))
    end.start()
    try:
        assert manager.get(PAGE).status_code == 200
    finally:
        end.join(60)
        writer.close()
    assert names() == list(outcomes.DEFAULTS)
