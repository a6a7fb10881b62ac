"""Nobody gets in without signing in."""

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from crm_app.demo import make_user
from crm_app.web.access import is_public

# What an anonymous visitor may call, and what stands in for the sign-in there.
PUBLIC = {
    "static": "files that are the same for everybody",
    "current_static": "files that are the same for everybody",
    "security.static": "files that are the same for everybody",
    "security.login": "the sign-in itself",
    "accounts.second_step": "a password that was right, before the second factor",
    "accounts.passkey_options": "a challenge, the same for everybody",
    "accounts.sign_in_by_passkey": "the passkey itself",
    "accounts.set_up": "a one-time link",
    "accounts.invitation": "a one-time link",
    "accounts.reset": "a one-time link",
    "accounts.set_up_strength": "a one-time link",
    "accounts.link_strength": "a one-time link",
    "health.alive": "says only that the process lives",
    "health.ready": "says only which part is not ready",
    "health.figures": "a token, or an administrator's session",
    "live.stream": "answers 401 itself, as an event stream cannot follow a redirect",
    "board.wall": "a secret address, without names and numbers of clients",
    "board.wall_now": "the same",
    "board.wall_stream": "the same; hints without content",
    "zadarma.echo": "the network of the PBX",
    "zadarma.receive": "the signature and network of the PBX",
}


def test_it_calls_public_only_what_is_on_the_list(app: Flask) -> None:
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert {name for name in endpoints if is_public(name)} == set(PUBLIC)


@pytest.mark.parametrize("is_csrf_on", [True, False])
def test_it_refuses_an_anonymous_visitor_at_every_other_address(
    app: Flask, visitor: FlaskClient, is_csrf_on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", is_csrf_on)
    walked = 0
    for rule in app.url_map.iter_rules():
        if rule.endpoint in PUBLIC:
            continue
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            answer = visitor.open(_address(app, rule), method=method)
            assert answer.status_code in {303, 401}, f"{method} {rule}: {answer.status_code}"
            if answer.status_code == 303:
                assert answer.location.startswith("/login"), f"{method} {rule}"
            walked += 1
    assert walked > 10


def test_it_gives_an_anonymous_visitor_no_stream(visitor: FlaskClient) -> None:
    assert visitor.get("/live").status_code == 401


@pytest.mark.parametrize("path", ["/setup/1", "/invitation/1", "/reset/1"])
def test_it_opens_nothing_by_a_guessed_link(visitor: FlaskClient, path: str) -> None:
    assert visitor.get(path).status_code == 410


def test_it_sends_a_fragment_of_an_ended_session_to_the_sign_in_page(visitor: FlaskClient) -> None:
    answer = visitor.get("/account", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/login")
    assert answer.text == ""


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_it_leads_a_fragment_of_an_ended_session_back_to_the_page_that_was_open(
    app: Flask, visitor: FlaskClient, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    headers = {"HX-Request": "true", "HX-Current-URL": "http://localhost/account?from=menu"}
    answer = visitor.open("/account", method=method, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/login?next=/account?from%3Dmenu"
    headers["HX-Current-URL"] = "http://evil.example/account"
    answer = visitor.open("/account", method=method, headers=headers)
    assert answer.headers["HX-Redirect"] == "/login"


def test_it_leads_a_form_of_an_ended_session_back_to_the_page_that_was_open(
    app: Flask, visitor: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_user("Eva", email="eva@example.com", password="tres tigres tristes")
    typed = {"email": "eva@example.com", "password": "tres tigres tristes"}
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    answer = visitor.post("/logout", headers={"Referer": "http://localhost/account?a=b"})
    assert (answer.status_code, answer.location) == (303, "/login?next=/account?a%3Db")
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)
    assert visitor.post(answer.location, data=typed).location == "/account?a=b"


def _address(app: Flask, rule: Rule) -> str:
    with app.test_request_context():
        return url_for(rule.endpoint, **dict.fromkeys(rule.arguments, 1))
