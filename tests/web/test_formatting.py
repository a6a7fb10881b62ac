"""Everybody reads Ramal in their own language, else in the browser's, else in the office's."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm_app.accounts.models import User
from crm_app.demo import make_user


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("en-US,pt;q=0.5", "en"),
        ("en-GB,pt;q=0.1", "en"),
        ("pt-PT,en;q=0.5", "pt"),
        ("pt-BR", "pt"),
        ("de-DE,de;q=0.9,pt-PT;q=0.8,en;q=0.7", "pt"),
        ("de,en-US;q=0.4,pt;q=0.3", "en"),
        ("pt;q=0,en;q=0.1", "en"),
        ("PT-pt", "pt"),
        ("pt;q=0.2,en-AU;q=0.9", "en"),
    ],
)
def test_it_speaks_the_language_that_the_browser_wants_most(
    visitor: FlaskClient, accepted: str, language: str
) -> None:
    page = visitor.get("/login", headers={"Accept-Language": accepted}).text
    assert f'<html lang="{language}"' in page


@pytest.mark.parametrize("accepted", ["", "de", "*", "pt;q=0"])
def test_it_speaks_the_offices_language_where_the_browser_wants_none_of_ours(
    app: Flask, visitor: FlaskClient, accepted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for office in ("pt", "en"):
        monkeypatch.setitem(app.config, "DEFAULT_LANGUAGE", office)
        page = visitor.get("/login", headers={"Accept-Language": accepted}).text
        assert f'<html lang="{office}"' in page


def test_it_speaks_the_users_own_language_whatever_the_browser_wants(
    client_of: Callable[[User], FlaskClient], app: Flask
) -> None:
    browser = client_of(make_user("Eva", language="pt"))
    assert '<html lang="pt"' in browser.get("/account", headers={"Accept-Language": "en"}).text
