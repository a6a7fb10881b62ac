"""The key of a form is what counts, and whoever is refused is told why."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm_app.accounts.models import User
from crm_app.extensions import db
from crm_app.tasks.models import Task

HTTPS = "https://localhost"
TASK = {"title": "Write to Ana"}


@pytest.fixture
def browser(
    app: Flask, bob: User, client_of: Callable[[User], FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> FlaskClient:
    """Bob's browser, in an office that asks for the keys of forms."""
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    return client_of(bob)


def key_in(browser: FlaskClient) -> str:
    page = browser.get("/tasks/new", base_url=HTTPS).text
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found
    return found[1]


def titles() -> list[str]:
    return list(db.session.scalars(db.select(Task.title)))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": HTTPS},
        {"Origin": f"{HTTPS}:443"},
        {"Referer": f"{HTTPS}/tasks/new"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        # What a proxy calls us need not be what the browser does.
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://crm.example"},
    ],
)
def test_a_good_key_is_enough_over_https(browser: FlaskClient, headers: dict[str, str]) -> None:
    sent = {**TASK, "csrf_token": key_in(browser)}
    answer = browser.post("/tasks/new", data=sent, headers=headers, base_url=HTTPS)
    assert answer.status_code == 303
    assert titles() == ["Write to Ana"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "https://other.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "https://localhost.evil.example"},
        {"Origin": f"{HTTPS}:8443"},
    ],
)
def test_what_another_site_sends_is_refused_in_spite_of_a_good_key(
    browser: FlaskClient, headers: dict[str, str]
) -> None:
    sent = {**TASK, "csrf_token": key_in(browser)}
    answer = browser.post("/tasks/new", data=sent, headers=headers, base_url=HTTPS)
    assert answer.status_code == 400
    assert "sent by a page of another site" in answer.text
    assert titles() == []


def test_a_link_from_another_site_is_opened(browser: FlaskClient) -> None:
    answer = browser.get("/tasks", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200


def test_each_failure_of_a_key_says_what_it_is(
    app: Flask, browser: FlaskClient, alice: User, client_of: Callable[[User], FlaskClient]
) -> None:
    assert "could not be verified" in browser.post("/tasks/new", data=TASK).text
    stale = {**TASK, "csrf_token": key_in(browser)}
    for browser_of_now, key in (
        (client_of(alice), stale["csrf_token"]),
        (browser, "no key of ours"),
    ):
        answer = browser_of_now.post("/tasks/new", data={**TASK, "csrf_token": key}, base_url=HTTPS)
        assert answer.status_code == 400
        assert "signed in or out since" in answer.text
    assert titles() == []
