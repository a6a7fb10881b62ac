"""Who signs in, how often they may try, and when a session ends."""

import re
from collections.abc import Callable, Iterator

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from crm_app import clock, create_app
from crm_app.accounts import services
from crm_app.accounts.models import User
from crm_app.accounts.sessions import throttle
from crm_app.config import Config
from crm_app.counting import Counter
from crm_app.demo import make_user
from crm_app.extensions import db

PASSWORD = "tres tigres tristes"


@pytest.fixture
def eva(app: Flask) -> User:
    return make_user("Eva", email="eva@example.com", password=PASSWORD)


def sign_in(browser: FlaskClient, email: str, password: str, **values: str):
    return browser.post("/login", data={"email": email, "password": password, **values})


def is_signed_in(browser: FlaskClient) -> bool:
    return browser.get("/account").status_code == 200


def test_it_signs_in_and_notes_when(eva: User, visitor: FlaskClient) -> None:
    answer = sign_in(visitor, " Eva@Example.com ", PASSWORD)
    assert (answer.status_code, answer.location) == (303, "/")
    assert is_signed_in(visitor)
    db.session.refresh(eva)
    assert eva.signed_in_at is not None
    assert abs((clock.now() - eva.signed_in_at).total_seconds()) < 60


def test_it_goes_on_to_the_page_that_was_asked_for(eva: User, visitor: FlaskClient) -> None:
    asked = visitor.get("/account", headers={"Accept": "text/html"})
    answer = visitor.post(asked.location, data={"email": eva.email, "password": PASSWORD})
    assert answer.location == "/account"


@pytest.mark.parametrize("place", ["query_string", "data"])
@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example"])
def test_it_signs_in_but_never_sends_anybody_to_another_site(
    eva: User, visitor: FlaskClient, target: str, place: str
) -> None:
    typed = {"email": eva.email, "password": PASSWORD}
    sent = {"data": typed, place: {"next": target} | (typed if place == "data" else {})}
    answer = visitor.post("/login", **sent)
    assert answer.status_code == 303
    assert answer.location in {"/", "/%5Cevil.example"}
    assert is_signed_in(visitor)


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("eva@example.com", "wrong"),
        ("nobody@example.com", PASSWORD),
        ("invited@example.com", PASSWORD),
        ("disabled@example.com", PASSWORD),
        ("no e-mail", PASSWORD),
        ("", ""),
        ("eva@example.com\x00", "x"),
    ],
)
def test_it_refuses_all_with_the_same_words_and_keeps_the_email(
    eva: User, visitor: FlaskClient, email: str, password: str
) -> None:
    make_user("Invited")
    make_user("Disabled", password=PASSWORD, active=False)
    answer = sign_in(visitor, email, password)
    assert answer.status_code == 422
    assert "Wrong e-mail or password, or the account is disabled." in answer.text
    assert answer.text.count("invalid-feedback") == 0
    assert PASSWORD not in answer.text
    if email == "eva@example.com":
        assert 'value="eva@example.com"' in answer.text
    assert not is_signed_in(visitor)


def test_it_signs_out_only_by_post(eva: User, visitor: FlaskClient) -> None:
    sign_in(visitor, eva.email, PASSWORD, remember="y")
    assert visitor.get("/logout").status_code == 405
    assert visitor.post("/logout").location == "/login"
    assert not is_signed_in(visitor)


def test_it_takes_no_json(eva: User, visitor: FlaskClient) -> None:
    answer = visitor.post("/login", json={"email": eva.email, "password": PASSWORD})
    assert answer.status_code == 415


def test_it_has_no_page_that_nobody_needs(app: Flask) -> None:
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules() if "security." in rule.endpoint}
    assert endpoints == {"security.static", "security.login", "security.logout"}


def test_it_refuses_the_right_password_after_ten_wrong_ones(
    eva: User, visitor: FlaskClient
) -> None:
    with time_machine.travel(clock.now(), tick=False):
        for _ in range(10):
            assert sign_in(visitor, eva.email, "wrong").status_code == 422
        answer = sign_in(visitor, eva.email.upper(), PASSWORD)
    assert answer.status_code == 429
    assert 800 <= int(answer.headers["Retry-After"]) <= 901
    assert re.search(r"Try again in 1[45] minutes", answer.text)
    assert 'value="EVA@EXAMPLE.COM"' in answer.text
    other = make_user("Other", password=PASSWORD)
    assert sign_in(visitor, other.email, PASSWORD).status_code == 303


@pytest.mark.parametrize("disguise", ["\x00{}", "{}\x00", "eva\x00@example.com", " {}\t\x00 "])
def test_it_counts_every_writing_of_one_account_together(
    eva: User, visitor: FlaskClient, disguise: str
) -> None:
    for count in range(10):
        typed = disguise.replace("\x00", "\x00" * (count + 1)).format(eva.email)
        assert sign_in(visitor, typed, "wrong").status_code == 422
    assert sign_in(visitor, eva.email, PASSWORD).status_code == 429
    assert sign_in(visitor, disguise.format(eva.email), PASSWORD).status_code == 429


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:10.1.1.1", "10.1.1.1", True),
        ("::ffff:10.1.1.1", "::ffff:10.1.1.2", False),
        ("10.1.1.1", "10.1.1.2", False),
        ("", "", True),
    ],
)
def test_it_counts_all_addresses_of_one_network_together(
    one: str, other: str, is_same: bool
) -> None:
    assert (throttle.network_of(one) == throttle.network_of(other)) is is_same


def test_it_refuses_an_address_that_tries_many_accounts(eva: User, app: Flask) -> None:
    browser = app.test_client()
    for number in range(50):
        assert sign_in(browser, f"user{number}@example.com", "wrong").status_code == 422
    assert sign_in(browser, eva.email, PASSWORD).status_code == 429
    elsewhere = app.test_client()
    answer = elsewhere.post(
        "/login",
        data={"email": eva.email, "password": PASSWORD},
        environ_base={"REMOTE_ADDR": "10.1.1.1"},
    )
    assert answer.status_code == 303


def test_it_counts_no_right_password(eva: User, app: Flask) -> None:
    for _ in range(60):
        assert sign_in(app.test_client(), eva.email, PASSWORD).status_code == 303
    for _ in range(9):
        sign_in(app.test_client(), eva.email, "wrong")
    assert sign_in(app.test_client(), eva.email, PASSWORD).status_code == 303
    assert sign_in(app.test_client(), eva.email, "wrong").status_code == 422


def test_it_forgives_nobody_by_the_sign_in_of_another(eva: User, app: Flask) -> None:
    make_user("Insider", email="insider@example.com", password=PASSWORD)
    insider = app.test_client()
    sign_in(insider, "insider@example.com", PASSWORD)
    for _ in range(10):
        sign_in(app.test_client(), eva.email, "wrong")
        sign_in(insider, eva.email, "wrong")
    assert sign_in(app.test_client(), eva.email, PASSWORD).status_code == 429


def test_it_still_counts_where_the_event_bus_is_down(
    eva: User, visitor: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.extensions, "counter", Counter("redis://127.0.0.1:9"))
    for _ in range(10):
        assert sign_in(visitor, eva.email, "wrong").status_code == 422
    assert sign_in(visitor, eva.email, PASSWORD).status_code == 429


@pytest.fixture
def restarted(settings: Config, app: Flask) -> Iterator[Flask]:
    """The same office in a new process, as far as an application object can be one."""
    again = create_app(settings)
    again.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    yield again
    with again.app_context():
        db.session.remove()
        db.engine.dispose()


def test_it_keeps_sessions_over_a_restart(
    eva: User, visitor: FlaskClient, restarted: Flask
) -> None:
    sign_in(visitor, eva.email, PASSWORD)
    cookie = visitor.get_cookie("session")
    assert cookie is not None
    browser = restarted.test_client()
    browser.set_cookie("session", cookie.value)
    assert is_signed_in(browser)
    stranger = restarted.test_client()
    stranger.set_cookie("session", cookie.value[:-4] + "AAAA")
    assert not is_signed_in(stranger)


def test_it_stays_signed_in_on_the_device_only_when_asked(eva: User, app: Flask) -> None:
    remembered, forgotten = app.test_client(), app.test_client()
    sign_in(remembered, eva.email, PASSWORD, remember="y")
    sign_in(forgotten, eva.email, PASSWORD)
    for browser in (remembered, forgotten):
        browser.delete_cookie("session")
    assert is_signed_in(remembered)
    assert not is_signed_in(forgotten)


@pytest.mark.parametrize("remember", ["", "y"])
def test_it_ends_all_sessions_of_a_user_who_is_disabled(
    eva: User, alice: User, visitor: FlaskClient, remember: str
) -> None:
    sign_in(visitor, eva.email, PASSWORD, **({"remember": remember} if remember else {}))
    assert is_signed_in(visitor)
    services.disable(eva, alice)
    db.session.commit()
    assert not is_signed_in(visitor)
    services.enable(eva, alice)
    db.session.commit()
    assert not is_signed_in(visitor)
    assert sign_in(visitor, eva.email, PASSWORD).status_code == 303


def test_it_refuses_a_form_without_its_secret(eva: User, visitor: FlaskClient, app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    try:
        assert sign_in(visitor, eva.email, PASSWORD).status_code == 400
        assert not is_signed_in(visitor)
        page = visitor.get("/login").text
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert found
        answer = sign_in(visitor, eva.email, PASSWORD, csrf_token=found[1])
        assert answer.status_code == 303
        assert visitor.post("/account", data={"name": "Forged"}).status_code == 400
        assert visitor.post("/logout").status_code == 400
    finally:
        app.config["WTF_CSRF_ENABLED"] = False
    assert is_signed_in(visitor)
    assert db.session.get(User, eva.id, populate_existing=True).name == "Eva"


def test_it_holds_no_transaction_while_a_password_is_compared(
    eva: User, visitor: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    compare: Callable[[User, str], bool] = User.verify_and_update_password

    def watch(user: User, password: str) -> bool:
        seen.append(db.session().in_transaction())
        return compare(user, password)

    monkeypatch.setattr(User, "verify_and_update_password", watch)
    assert sign_in(visitor, eva.email, PASSWORD).status_code == 303
    assert seen == [False]
