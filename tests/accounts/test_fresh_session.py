"""Another sign-in begins another session: nothing of the old one is left."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm_app import create_app
from crm_app.accounts import services
from crm_app.accounts.models import Role, User
from crm_app.accounts.sessions.cookies import cookie_names
from crm_app.config import Config
from crm_app.demo import make_user
from crm_app.extensions import db

PASSWORD = "tres tigres tristes"
NEW = "comeram três pratos"
ClientOf = Callable[[User], FlaskClient]


@pytest.fixture(autouse=True)
def _forms_are_guarded(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)


@pytest.fixture
def eva(app: Flask) -> User:
    return make_user("Eva", email="eva@example.com", password=PASSWORD)


def secret_on(browser: FlaskClient, path: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get(path).text)
    assert found
    return found[1]


def is_taken(browser: FlaskClient, secret: str) -> bool:
    answer = browser.post("/account/notices/read", data={"csrf_token": secret})
    assert answer.status_code in {303, 400}
    return answer.status_code == 303


def by_sign_in(browser: FlaskClient, eva: User, secret: str) -> None:
    data = {"email": eva.email, "password": PASSWORD, "csrf_token": secret}
    assert browser.post("/login", data=data).status_code == 303


def by_reset(browser: FlaskClient, eva: User, secret: str) -> None:
    token = services.reset_token(eva, None)
    db.session.commit()
    data = {"password": NEW, "csrf_token": secret}
    assert browser.post(f"/reset/{token}", data=data).status_code == 303


def by_invitation(browser: FlaskClient, eva: User, secret: str) -> None:
    _user, token = services.invite("new@example.com", "New", role=Role.AGENT, by=None)
    db.session.commit()
    data = {"password": NEW, "csrf_token": secret}
    assert browser.post(f"/invitation/{token}", data=data).status_code == 303


@pytest.mark.parametrize("enter", [by_sign_in, by_reset, by_invitation])
def test_a_forms_secret_from_before_is_refused_afterwards(
    visitor: FlaskClient, eva: User, enter: Callable[[FlaskClient, User, str], None]
) -> None:
    planted = secret_on(visitor, "/login")
    with visitor.session_transaction() as session:
        session["planted"] = "yes"
    enter(visitor, eva, planted)
    assert not is_taken(visitor, planted)
    with visitor.session_transaction() as session:
        assert "planted" not in session
    assert is_taken(visitor, secret_on(visitor, "/account"))


def test_a_new_password_begins_a_new_session_in_the_same_browser(
    visitor: FlaskClient, eva: User
) -> None:
    by_sign_in(visitor, eva, secret_on(visitor, "/login"))
    old = secret_on(visitor, "/account")
    data = {"current": PASSWORD, "password": NEW, "csrf_token": old}
    assert visitor.post("/account/password", data=data).status_code == 303
    assert not is_taken(visitor, old)
    assert is_taken(visitor, secret_on(visitor, "/account"))


def test_nothing_is_left_after_signing_out(visitor: FlaskClient, eva: User) -> None:
    by_sign_in(visitor, eva, secret_on(visitor, "/login"))
    old = secret_on(visitor, "/account")
    visitor.post("/logout", data={"csrf_token": old})
    with visitor.session_transaction() as session:
        assert set(session) <= {"fs_cc"}
    by_sign_in(visitor, eva, secret_on(visitor, "/login"))
    assert not is_taken(visitor, old)


def office(settings: Config, tmp_path: Path, public_url: str) -> Config:
    return settings.model_copy(update={"public_url": public_url, "data_dir": tmp_path})


@pytest.fixture
def over_tls(settings: Config, app: Flask, tmp_path: Path) -> Iterator[FlaskClient]:
    """A browser of the same office behind https."""
    again = create_app(office(settings, tmp_path, "https://crm.example"))
    again.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    with again.app_context():
        yield again.test_client()
        db.session.remove()
        db.engine.dispose()


def test_cookies_over_tls_can_be_planted_by_no_other_host(over_tls: FlaskClient, eva: User) -> None:
    answer = over_tls.post(
        "/login",
        data={"email": eva.email, "password": PASSWORD, "remember": "y"},
        base_url="https://crm.example",
    )
    assert answer.status_code == 303
    sent = {line.partition("=")[0]: line for line in answer.headers.getlist("Set-Cookie")}
    assert set(sent) == {"__Host-session", "__Host-remember", "__Host-device"}
    for line in sent.values():
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(line.split("; "))
        assert "Domain" not in line


def test_a_one_time_link_is_used_over_tls_without_a_referer(
    over_tls: FlaskClient, eva: User
) -> None:
    over_tls.application.config["WTF_CSRF_ENABLED"] = True
    token, base = services.reset_token(eva, None), "https://crm.example"
    db.session.commit()
    page = over_tls.get(f"/reset/{token}", base_url=base).text
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found
    data = {"password": NEW, "csrf_token": found[1]}
    assert over_tls.post(f"/reset/{token}", data=data, base_url=base).status_code == 303


@pytest.mark.parametrize(
    ("public_url", "session", "remember"),
    [
        ("", "session", "remember_token"),
        ("http://crm.example", "session", "remember_token"),
        ("https://crm.example", "__Host-session", "__Host-remember"),
    ],
)
def test_cookies_are_named_for_what_the_browser_may_believe(
    settings: Config, tmp_path: Path, public_url: str, session: str, remember: str
) -> None:
    assert cookie_names(office(settings, tmp_path, public_url)) == (session, remember)


def test_two_offices_under_paths_of_one_host_do_not_sign_each_other_out(
    settings: Config, tmp_path: Path
) -> None:
    paths = ("", "/one", "/two", "/one/two")
    urls = [f"https://crm.example{path}" for path in paths]
    names = {name for url in urls for name in cookie_names(office(settings, tmp_path, url))}
    assert len(names) == 2 * len(paths)
    assert all(name.startswith("__Host-") for name in names)
