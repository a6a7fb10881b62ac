"""A lock-out keeps guessers out and cannot be turned against the owner of the account."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from crm_app import clock, create_app
from crm_app.accounts.models import User
from crm_app.accounts.sessions import throttle
from crm_app.config import Config
from crm_app.counting import Counter
from crm_app.demo import make_user
from crm_app.extensions import db
from crm_app.security.models import SecurityEvent

PASSWORD = "tres tigres tristes"
Browser = Callable[[], FlaskClient]


@pytest.fixture
def eva(app: Flask) -> User:
    return make_user("Eva", email="eva@example.com", password=PASSWORD)


@pytest.fixture
def frozen() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(clock.now(), tick=False) as traveller:
        yield traveller


@pytest.fixture
def counted_here(
    app: Flask, frozen: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> time_machine.Traveller:
    """Frozen time that the counter keeps to: the event bus has a clock of its own."""
    monkeypatch.setitem(app.extensions, "counter", Counter("redis://127.0.0.1:9"))
    return frozen


def sign_in(browser: FlaskClient, password: str, address: str = "127.0.0.1", who: str = "") -> int:
    return browser.post(
        "/login",
        data={"email": who or "eva@example.com", "password": password},
        environ_base={"REMOTE_ADDR": address},
    ).status_code


def guess(app: Flask, times: int, address: str) -> list[int]:
    return [sign_in(app.test_client(), "wrong", address) for _ in range(times)]


def test_a_browser_that_was_signed_in_gets_in_while_everybody_else_is_locked_out(
    eva: User, app: Flask, frozen: time_machine.Traveller
) -> None:
    own = app.test_client()
    assert sign_in(own, PASSWORD) == 303
    own.post("/logout")
    # From the same network, and from so many others that the account itself is locked.
    for place in range(12):
        guess(app, 11, "127.0.0.1" if place == 0 else f"10.0.{place}.1")
    assert sign_in(app.test_client(), PASSWORD) == 429
    assert sign_in(app.test_client(), PASSWORD, "10.9.9.9") == 429
    assert sign_in(own, PASSWORD) == 303


def test_one_request_now_and_then_keeps_nobody_out(
    eva: User, app: Flask, counted_here: time_machine.Traveller
) -> None:
    for _minute in range(90):
        guess(app, 1, "10.0.0.1")
        counted_here.shift(timedelta(seconds=60))
    # A new browser of the owner's, in another network: one guesser cannot lock the account.
    assert sign_in(app.test_client(), PASSWORD, "10.9.9.9") == 303


def test_guesses_from_many_networks_are_counted_together(
    eva: User, app: Flask, counted_here: time_machine.Traveller
) -> None:
    answers = [code for place in range(100) for code in guess(app, 1, f"10.0.{place}.1")]
    assert answers == [422] * 60 + [429] * 40
    assert sign_in(app.test_client(), PASSWORD, "10.9.9.9") == 429
    counted_here.shift(timedelta(hours=1, seconds=1))
    assert sign_in(app.test_client(), PASSWORD, "10.9.9.9") == 303


def test_the_cookie_lets_nobody_in_and_guesses_with_it_are_counted_too(
    eva: User, app: Flask, frozen: time_machine.Traveller
) -> None:
    own = app.test_client()
    sign_in(own, PASSWORD)
    own.post("/logout")
    stolen = own.get_cookie("device")
    assert stolen is not None
    thief = app.test_client()
    thief.set_cookie("device", stolen.value)
    assert thief.get("/account").status_code == 303
    assert [sign_in(thief, "wrong", "10.0.0.1") for _ in range(12)] == [422] * 10 + [429] * 2


def test_the_cookie_of_one_account_is_worth_nothing_for_another(
    eva: User, app: Flask, frozen: time_machine.Traveller
) -> None:
    make_user("Insider", email="insider@example.com", password=PASSWORD)
    for _again in range(3):
        # Each sign-in makes a new id, which must not be a new chance at Eva's account.
        insider = app.test_client()
        assert sign_in(insider, PASSWORD, who="insider@example.com") == 303
        insider.post("/logout")
        guesses = [sign_in(insider, "wrong") for _ in range(10)]
    assert guesses == [429] * 10


def test_people_who_share_a_browser_are_all_known_in_it(
    eva: User, app: Flask, frozen: time_machine.Traveller
) -> None:
    make_user("Rui", email="rui@example.com", password=PASSWORD)
    shared = app.test_client()
    for who in ("eva@example.com", "rui@example.com"):
        assert sign_in(shared, PASSWORD, who=who) == 303
        shared.post("/logout")
    guess(app, 11, "127.0.0.1")
    assert sign_in(shared, PASSWORD) == 303


@pytest.mark.parametrize("cookie", ["", "nonsense", "WyJ4IixbXV0.aaaa.bbbb", "é", "x" * 3_000])
def test_a_forged_cookie_is_no_cookie(eva: User, app: Flask, cookie: str) -> None:
    guess(app, 10, "127.0.0.1")
    browser = app.test_client()
    browser.set_cookie("device", cookie)
    assert sign_in(browser, PASSWORD) == 429


def test_the_cookie_is_new_at_each_sign_in_and_ends_after_a_year(
    eva: User, app: Flask, frozen: time_machine.Traveller
) -> None:
    own = app.test_client()
    values = set()
    for _time in range(2):
        sign_in(own, PASSWORD)
        own.post("/logout")
        cookie = own.get_cookie("device")
        assert cookie is not None
        assert (cookie.http_only, cookie.same_site, cookie.path) == (True, "Lax", "/")
        values.add(cookie.value)
    assert len(values) == 2
    frozen.shift(timedelta(days=366))
    late = app.test_client()
    late.set_cookie("device", cookie.value)
    guess(app, 10, "127.0.0.1")
    assert sign_in(late, PASSWORD) == 429


def test_over_https_no_other_host_can_plant_it(settings: Config, eva: User) -> None:
    office = create_app(settings.model_copy(update={"public_url": "https://crm.example.com"}))
    office.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    with office.app_context():
        browser = office.test_client()
        answer = browser.post(
            "/login",
            data={"email": "eva@example.com", "password": PASSWORD},
            base_url="https://crm.example.com",
        )
        db.session.remove()
        db.engine.dispose()
    assert answer.status_code == 303
    (cookie,) = [one for one in answer.headers.getlist("Set-Cookie") if "device" in one]
    assert cookie.startswith("__Host-device=")
    assert "Secure" in cookie
    assert "Domain" not in cookie


def test_an_operator_lifts_a_lock_out(
    eva: User, app: Flask, frozen: time_machine.Traveller
) -> None:
    for place in range(12):
        guess(app, 11, f"10.0.{place}.1")
    assert sign_in(app.test_client(), PASSWORD, "10.9.9.9") == 429
    assert sign_in(app.test_client(), PASSWORD, "10.0.1.1") == 429
    done = app.test_cli_runner().invoke(args=["user", "unlock", " EVA@example.com"])
    assert (done.exit_code, done.output) == (0, "eva@example.com may try again.\n")
    assert sign_in(app.test_client(), PASSWORD, "10.9.9.9") == 303
    assert sign_in(app.test_client(), PASSWORD, "10.0.1.1") == 303
    unlocked = db.select(SecurityEvent.about_id).where(SecurityEvent.kind == "unlocked")
    assert db.session.scalars(unlocked).all() == [eva.id]


def test_lifting_a_lock_out_says_what_stands_in_the_way(
    eva: User, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = app.test_cli_runner()
    nobody = runner.invoke(args=["user", "unlock", "nobody@example.com"])
    assert nobody.exit_code == 1
    assert "nobody has the e-mail" in nobody.output
    monkeypatch.setitem(app.extensions, "counter", Counter("redis://127.0.0.1:9"))
    away = runner.invoke(args=["user", "unlock", "eva@example.com"])
    assert away.exit_code == 1
    assert "the event bus does not answer" in away.output


def test_one_network_alone_cannot_use_up_what_the_account_has(app: Flask) -> None:
    windows = throttle.PER_ACCOUNT.get_expiry() // throttle.PER_NETWORK.get_expiry() + 1
    assert windows * throttle.PER_NETWORK.amount < throttle.PER_ACCOUNT.amount
