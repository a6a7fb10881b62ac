"""One-time links let people in once: the first administrator, the invited, the forgetful."""

import re

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from crm_app import clock
from crm_app.accounts import links, services
from crm_app.accounts.models import LinkPurpose, Role, User
from crm_app.demo import make_user
from crm_app.extensions import db

PASSWORD = "três tigres tristes"
BOSS = {
    "name": "Ana Dias",
    "email": "Ana@Example.com",
    "password": PASSWORD,
    "language": "pt",
    "timezone": "Europe/Lisbon",
}


def invited() -> tuple[User, str]:
    user, token = services.invite("eva@example.com", "Eva", role=Role.AGENT, by=None)
    db.session.commit()
    return user, token


def test_it_makes_the_first_administrator_and_signs_in(visitor: FlaskClient) -> None:
    token = services.new_setup_token()
    db.session.commit()
    page = visitor.get(f"/setup/{token}")
    assert page.status_code == 200
    assert "Portugal" in page.text
    answer = visitor.post(f"/setup/{token}", data=BOSS)
    assert (answer.status_code, answer.location) == (303, "/people")
    page = visitor.get("/people")
    assert page.status_code == 200
    assert '<html lang="pt"' in page.text
    user = db.session.scalars(db.select(User)).one()
    assert (user.email, user.role, user.timezone) == (
        "ana@example.com", Role.ADMIN, "Europe/Lisbon",
    )  # fmt: skip
    assert user.signed_in_at is not None
    assert services.new_setup_token() is None


def test_it_ends_the_setup_link_with_its_use(app: Flask) -> None:
    token = services.new_setup_token()
    db.session.commit()
    app.test_client().post(f"/setup/{token}", data=BOSS)
    for method in ("GET", "POST"):
        answer = app.test_client().open(
            f"/setup/{token}", method=method, data={**BOSS, "email": "other@example.com"}
        )
        assert answer.status_code == 410
        assert "This link was already used" in answer.text
    assert db.session.scalar(db.select(db.func.count()).select_from(User)) == 1


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"password": "short"}, "Use at least 12 characters"),
        ({"password": ""}, "Enter a password."),
        ({"password": "Ana@Example.com"}, "Leave out “example”"),
        ({"email": "ana"}, "This is not an e-mail address."),
        ({"name": ""}, "Enter a name."),
        ({"timezone": "Nowhere"}, "Not a valid choice"),
    ],
)
def test_it_keeps_what_was_typed_at_setup_but_never_the_password(
    visitor: FlaskClient, changed: dict[str, str], complaint: str
) -> None:
    token = services.new_setup_token()
    db.session.commit()
    answer = visitor.post(f"/setup/{token}", data={**BOSS, **changed})
    assert answer.status_code == 422
    assert complaint in answer.text
    if "name" not in changed:
        assert 'value="Ana Dias"' in answer.text
    assert PASSWORD not in answer.text
    assert not db.session.scalars(db.select(User)).all()
    assert visitor.post(f"/setup/{token}", data=BOSS).status_code == 303


def test_it_lets_the_invited_choose_a_password_once(app: Flask) -> None:
    user, token = invited()
    browser = app.test_client()
    assert "Welcome, Eva" in browser.get(f"/invitation/{token}").text
    refused = browser.post(f"/invitation/{token}", data={"password": "eva"})
    assert refused.status_code == 422
    assert "Use at least 12 characters" in refused.text
    answer = browser.post(f"/invitation/{token}", data={"password": PASSWORD})
    assert (answer.status_code, answer.location) == (303, "/")
    assert browser.get("/account").status_code == 200
    later = app.test_client()
    assert later.get(f"/invitation/{token}").status_code == 410
    again = later.post(f"/invitation/{token}", data={"password": "another password"})
    assert again.status_code == 410
    # Some keyboards send the accent as a character of its own.
    typed_elsewhere = "tre\u0302s tigres tristes"
    answer = later.post("/login", data={"email": user.email, "password": typed_elsewhere})
    assert answer.status_code == 303


def test_it_ends_sessions_with_a_reset_and_leaves_the_browsers_other_user(
    app: Flask, alice: User
) -> None:
    user = make_user("Eva", email="eva@example.com", password="tres tigres tristes")
    old = app.test_client()
    old.post("/login", data={"email": user.email, "password": "tres tigres tristes"})
    token = services.reset_token(user, alice)
    db.session.commit()
    browser = app.test_client(user=alice)
    assert browser.get("/people").status_code == 200
    answer = browser.post(f"/reset/{token}", data={"password": "comeram tres pratos"})
    assert answer.status_code == 303
    assert browser.get("/people").status_code == 403
    assert old.get("/account").status_code == 303


@pytest.mark.parametrize("path", ["/setup/x", "/invitation/x", "/reset/x", "/reset/%00"])
def test_it_explains_a_link_it_does_not_know(visitor: FlaskClient, path: str) -> None:
    for answer in (visitor.get(path), visitor.post(path, data={"password": PASSWORD})):
        assert answer.status_code == 410
        assert "This link is not known here." in answer.text


def test_it_takes_a_link_only_for_what_it_was_made_for(visitor: FlaskClient) -> None:
    _, token = invited()
    assert visitor.get(f"/reset/{token}").status_code == 410
    assert visitor.get(f"/setup/{token}").status_code == 410


def test_it_explains_a_link_that_is_too_old(visitor: FlaskClient) -> None:
    _, token = invited()
    later = clock.now() + links.LIFETIMES[LinkPurpose.INVITATION]
    with time_machine.travel(later, tick=False):
        answer = visitor.get(f"/invitation/{token}")
    assert answer.status_code == 410
    assert "This link is too old." in answer.text


def test_it_lets_nobody_in_whom_an_administrator_disabled_meanwhile(
    visitor: FlaskClient, alice: User
) -> None:
    user, token = invited()
    services.disable(user, alice)
    db.session.commit()
    answer = visitor.post(f"/invitation/{token}", data={"password": PASSWORD})
    assert answer.status_code == 410
    assert visitor.get("/account").status_code == 303


def test_it_refuses_a_forged_setup_without_the_forms_secret(
    visitor: FlaskClient, app: Flask
) -> None:
    token = services.new_setup_token()
    db.session.commit()
    app.config["WTF_CSRF_ENABLED"] = True
    try:
        assert visitor.post(f"/setup/{token}", data=BOSS).status_code == 400
        found = re.search(
            r'name="csrf_token"[^>]*value="([^"]+)"', visitor.get(f"/setup/{token}").text
        )
        assert found
        answer = visitor.post(f"/setup/{token}", data={**BOSS, "csrf_token": found[1]})
        assert answer.status_code == 303
    finally:
        app.config["WTF_CSRF_ENABLED"] = False


@pytest.mark.parametrize("purpose", ["setup", "invitation", "reset"])
def test_a_page_of_a_link_tells_its_address_to_nobody(visitor: FlaskClient, purpose: str) -> None:
    user, token = invited()
    tokens = {
        "setup": links.make(LinkPurpose.SET_UP),
        "invitation": token,
        "reset": links.make(LinkPurpose.RESET, user),
    }
    db.session.commit()
    for path in (f"/{purpose}/{tokens[purpose]}", f"/{purpose}/unknown"):
        assert visitor.get(path).headers["Referrer-Policy"] == "no-referrer"
    assert visitor.get("/login").headers["Referrer-Policy"] == "same-origin"
