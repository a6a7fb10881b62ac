"""Everybody changes their own name, looks and password, and nobody else's."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm_app.accounts.models import User
from crm_app.demo import make_user
from crm_app.extensions import db

PASSWORD = "tres tigres tristes"
NEW = "comeram três pratos"


@pytest.fixture
def eva(app: Flask) -> User:
    return make_user("Eva", email="eva@example.com", password=PASSWORD)


@pytest.fixture
def browser(eva: User, app: Flask) -> FlaskClient:
    browser = app.test_client()
    browser.post("/login", data={"email": eva.email, "password": PASSWORD})
    return browser


def test_it_saves_name_and_looks(browser: FlaskClient, eva: User) -> None:
    page = browser.get("/account").text
    assert 'value="Eva"' in page
    assert "As the office (Europe/Lisbon)" in page
    data = {"name": "Eva L.", "language": "pt", "timezone": "Atlantic/Azores", "theme": "dark"}
    assert browser.post("/account", data=data).status_code == 303
    db.session.refresh(eva)
    assert (eva.name, eva.language, eva.timezone, eva.theme) == tuple(data.values())
    page = browser.get("/account").text
    assert '<html lang="pt"' in page
    assert 'data-theme-choice="dark"' in page
    assert '<option selected value="Atlantic/Azores">' in page


@pytest.mark.parametrize(
    "changed",
    [{"name": ""}, {"language": "xx"}, {"timezone": "Mars/Base"}, {"theme": "pink"}],
)
def test_it_refuses_what_does_not_exist(
    browser: FlaskClient, eva: User, changed: dict[str, str]
) -> None:
    data = {"name": "New name", "language": "en", "timezone": "UTC", "theme": "light", **changed}
    answer = browser.post("/account", data=data)
    assert answer.status_code == 422
    assert "is-invalid" in answer.text
    if changed != {"name": ""}:
        assert 'value="New name"' in answer.text
    db.session.refresh(eva)
    assert eva.name == "Eva"


def test_it_changes_the_password_and_signs_out_other_devices(
    browser: FlaskClient, eva: User, app: Flask
) -> None:
    other = app.test_client()
    other.post("/login", data={"email": eva.email, "password": PASSWORD, "remember": "y"})
    answer = browser.post("/account/password", data={"current": PASSWORD, "password": NEW})
    assert answer.status_code == 303
    assert browser.get("/account").status_code == 200
    assert other.get("/account").status_code == 303
    old = other.post("/login", data={"email": eva.email, "password": PASSWORD})
    assert old.status_code == 422
    new = other.post("/login", data={"email": eva.email, "password": NEW})
    assert (new.status_code, new.location) == (303, "/")


@pytest.mark.parametrize(
    ("current", "password", "complaint"),
    [
        ("wrong", NEW, "This is not your current password."),
        (PASSWORD, "short", "Use at least 12 characters"),
        (PASSWORD, "eva@example.com", "Leave out “example”"),
        (PASSWORD, "password12345", "This is easy to guess."),
        ("", "", "Enter a password."),
    ],
)
def test_it_refuses_a_password_change_with_the_reason(
    browser: FlaskClient, eva: User, current: str, password: str, complaint: str
) -> None:
    stored = eva.password
    answer = browser.post("/account/password", data={"current": current, "password": password})
    assert answer.status_code == 422
    assert complaint in answer.text
    assert 'value="Eva"' in answer.text
    db.session.refresh(eva)
    assert eva.password == stored


def test_it_stops_guessing_the_current_password(browser: FlaskClient) -> None:
    for _ in range(10):
        browser.post("/account/password", data={"current": "wrong", "password": NEW})
    answer = browser.post("/account/password", data={"current": PASSWORD, "password": NEW})
    assert answer.status_code == 422
    assert "Too many tries." in answer.text


def test_it_shows_the_account_at_the_address_of_the_password_form(
    client_of: Callable[[User], FlaskClient], bob: User
) -> None:
    assert "Current password" in client_of(bob).get("/account/password").text
