"""Whatever goes wrong, people get a page of ours, and the log nothing that lets anybody in."""

import io
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import InterfaceError, OperationalError

from crm_app import create_app, logs
from crm_app.accounts.models import User
from crm_app.config import Config
from crm_app.database import DatabaseBusyError
from crm_app.extensions import db
from crm_app.web import errors
from crm_app.web.access import public
from tests.questions import questions

ClientOf = Callable[[User], FlaskClient]
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def written(app: Flask) -> Iterator[io.StringIO]:
    """What the log of this test says."""
    root = logging.getLogger()
    before, level = root.handlers, root.level
    logs.configure("WARNING", as_json=True)
    stream = io.StringIO()
    root.handlers[0].setStream(stream)  # type: ignore[attr-defined]
    yield stream
    root.handlers, root.level = before, level


def failing(error: Exception) -> Callable[..., NoReturn]:
    """Make a view that fails."""

    def view(**_values: Any) -> NoReturn:
        raise error

    return view


@pytest.fixture
def without_database(settings: Config, engine_name: str, tmp_path: Path) -> Iterator[Flask]:
    """The same office, whose database is away."""
    away = {
        "sqlite": f"sqlite:///{tmp_path / 'no' / 'such' / 'folder.db'}",
        "postgresql": "postgresql+psycopg://ramal:hush@127.0.0.1:1/ramal",
    }[engine_name]
    office = create_app(settings.model_copy(update={"database_url": away}))
    yield office
    with office.app_context():
        db.engine.dispose()


def signed_in_at(office: Flask) -> FlaskClient:
    """A browser with the session of somebody whom the office would have to look up."""
    browser = office.test_client()
    with browser.session_transaction() as session:
        session["_user_id"], session["_fresh"] = "f" * 32, True
    return browser


@pytest.mark.parametrize("path", ["/", "/contacts/1", "/no/such/page"])
def test_it_answers_with_a_page_of_ours_while_the_database_is_away(
    without_database: Flask, written: io.StringIO, path: str
) -> None:
    answer = signed_in_at(without_database).get(path)
    assert "<h1>" not in answer.text
    assert 'id="main"' in answer.text
    assert "Content-Security-Policy" in answer.headers
    assert "hush" not in answer.text + written.getvalue()
    if path == "/no/such/page":
        assert answer.status_code == 404
        return
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "The database does not answer." in answer.text
    assert written.getvalue().count("database_away") == 1
    assert "Traceback" not in written.getvalue()


def test_it_answers_a_fragment_while_the_database_is_away(without_database: Flask) -> None:
    answer = signed_in_at(without_database).get("/contacts", headers=FRAGMENT)
    assert answer.status_code == 503
    assert "The database does not answer." in answer.text
    assert "<html" not in answer.text


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("SELECT 1", {}, Exception("gone")),
        InterfaceError("SELECT 1", {}, Exception("gone")),
        sa.exc.TimeoutError("no connection is free"),
        DatabaseBusyError("another write"),
    ],
)
def test_it_asks_a_database_that_went_away_for_nothing_more(
    app: Flask,
    client_of: ClientOf,
    bob: User,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    browser, asked_by_view = client_of(bob), []

    def view() -> NoReturn:
        asked_by_view.append(len(asked))
        raise error

    monkeypatch.setitem(app.view_functions, "contacts.index", view)
    with questions() as asked:
        answer = browser.get("/contacts")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "Bob Agent" not in answer.text
    assert asked_by_view == [len(asked)]
    assert db.session.scalar(sa.select(User.name).where(User.id == bob.id)) == "Bob Agent"


def test_it_draws_an_error_for_its_user_where_it_can(
    app: Flask, client_of: ClientOf, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.view_functions, "contacts.index", failing(ValueError("a mistake")))
    answer = client_of(bob).get("/contacts")
    assert answer.status_code == 500
    assert "Bob Agent" in answer.text


def test_it_draws_an_error_on_a_new_connection_where_the_old_one_was_cut(
    app: Flask, client_of: ClientOf, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def view() -> NoReturn:
        if db.engine.dialect.name == "postgresql":
            own = db.session.scalar(sa.text("SELECT pg_backend_pid()"))
            with db.engine.begin() as other:
                other.execute(sa.text("SELECT pg_terminate_backend(:own, 5000)"), {"own": own})
        raise ValueError("a mistake")

    monkeypatch.setitem(app.view_functions, "contacts.index", view)
    answer = client_of(bob).get("/contacts")
    assert answer.status_code == 500
    assert "Bob Agent" in answer.text


def test_it_answers_even_where_no_page_can_be_drawn(
    client_of: ClientOf, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errors, "render_template", failing(ValueError("a mistake")))
    monkeypatch.setattr(errors, "_words", failing(ValueError("a mistake")))
    answer = client_of(bob).get("/no/such/page")
    assert (answer.status_code, answer.text) == (404, errors.BARE)
    assert "Content-Security-Policy" in answer.headers


@pytest.mark.parametrize("name", ["accounts.set_up", "accounts.invitation", "accounts.reset"])
def test_it_writes_no_one_time_link_into_the_log(
    app: Flask,
    visitor: FlaskClient,
    written: io.StringIO,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rule = next(rule for rule in app.url_map.iter_rules() if rule.endpoint == name)
    address = rule.rule.replace("<token>", "Zk3-_xyzZk3-_xyz")
    view = public(failing(ValueError(f"no {address}")))
    monkeypatch.setitem(app.view_functions, name, view)
    assert visitor.get(address).status_code == 500
    # What Flask itself would say, and gunicorn.
    app.logger.error("Exception on %s [%s]", address, "GET")
    assert name in written.getvalue()
    assert "ValueError" in written.getvalue()
    assert "Zk3-_xyz" not in written.getvalue()
