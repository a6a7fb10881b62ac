"""Whoever's way in was changed by somebody else is told so, until they have read it."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm_app.accounts import services
from crm_app.accounts.models import Role, User
from crm_app.demo import make_user
from crm_app.extensions import db
from tests.questions import questions

PASSWORD = "tres tigres tristes"
ClientOf = Callable[[User], FlaskClient]
HEAD = "data-account-notices"


@pytest.fixture
def eva(app: Flask) -> User:
    return make_user("Eva", email="eva@example.com", extension="105", password=PASSWORD)


def changed(user: User, **values: object) -> dict[str, str]:
    fields = ("name", "email", "role", "extension")
    return {field: str(values.get(field, getattr(user, field)) or "") for field in fields}


@pytest.mark.parametrize(
    ("path", "values", "sentence"),
    [
        ("/reset-link", {}, "A link for a new password was created for your account."),
        ("", {"email": "eva@other.example"}, "Your e-mail was changed."),
        ("", {"role": "manager"}, "Your role was changed."),
        (
            "",
            {"role": "manager", "email": "e@x.pt"},
            "Your e-mail and your role were changed.",
        ),
        ("/sign-out", {}, "You were signed out everywhere."),
    ],
)
def test_it_tells_the_owner_what_an_administrator_did(
    eva: User,
    alice: User,
    client_of: ClientOf,
    path: str,
    values: dict[str, str],
    sentence: str,
) -> None:
    admin = client_of(alice)
    admin.post(f"/people/{eva.id}{path}", data=changed(eva, **values))
    db.session.refresh(eva)
    owner = client_of(eva)
    for page in ("/", "/contacts", "/account"):
        text = owner.get(page).text
        assert HEAD in text
        assert sentence in text
        assert "by Alice Admin, " in text
    assert HEAD not in admin.get("/contacts").text
    answer = owner.post("/account/notices/read", headers={"Referer": "http://localhost/leads"})
    assert answer.location == "/leads"
    assert HEAD not in owner.get("/contacts").text
    assert sentence in owner.get("/account").text


def test_it_tells_of_disabling_and_enabling_at_the_next_sign_in(
    eva: User, alice: User, client_of: ClientOf
) -> None:
    admin = client_of(alice)
    admin.post(f"/people/{eva.id}/disable")
    admin.post(f"/people/{eva.id}/enable")
    db.session.refresh(eva)
    text = client_of(eva).get("/").text
    assert text.index("Your account was enabled again.") < text.index("Your account was disabled.")


def test_it_tells_of_a_new_password_whoever_chose_it(eva: User, client_of: ClientOf) -> None:
    services.change_password(eva, "x", by=eva)
    db.session.commit()
    text = client_of(eva).get("/").text
    assert "Your password was changed." in text
    assert "by Eva" not in text


def test_it_tells_of_what_the_operator_did(eva: User, client_of: ClientOf) -> None:
    services.reset_token(eva, by=None)
    db.session.commit()
    assert "by the operator, " in client_of(eva).get("/").text


@pytest.mark.parametrize("values", [{"name": "Eva L."}, {"extension": "106"}])
def test_it_is_silent_about_what_is_no_way_in(
    eva: User, alice: User, client_of: ClientOf, values: dict[str, str]
) -> None:
    client_of(alice).post(f"/people/{eva.id}", data=changed(eva, **values))
    db.session.refresh(eva)
    assert HEAD not in client_of(eva).get("/").text


def test_it_is_silent_about_the_first_password_and_about_ones_own_doing(
    alice: User, client_of: ClientOf
) -> None:
    invited = make_user("Invited")
    services.change_password(invited, "x", by=invited)
    db.session.commit()
    assert HEAD not in client_of(invited).get("/").text
    client_of(alice).post(f"/people/{alice.id}", data=changed(alice, email="a@new.example"))
    db.session.refresh(alice)
    assert HEAD not in client_of(alice).get("/").text


def test_nobody_reads_the_notices_of_somebody_else(
    eva: User, alice: User, bob: User, client_of: ClientOf
) -> None:
    services.reset_token(eva, by=alice)
    db.session.commit()
    client_of(bob).post("/account/notices/read")
    assert HEAD in client_of(eva).get("/").text


def test_a_page_without_a_notice_asks_nothing_about_it(bob: User, client_of: ClientOf) -> None:
    browser = client_of(bob)
    browser.get("/contacts")
    db.session.rollback()
    with questions() as asked:
        browser.get("/contacts")
    assert not [text for text in asked if "journal_entry" in text]


def test_an_administrator_signs_a_colleague_out_everywhere(
    app: Flask, eva: User, alice: User, client_of: ClientOf
) -> None:
    owner, admin = client_of(eva), client_of(alice)
    assert owner.get("/account").status_code == 200
    db.session.rollback()
    assert admin.post(f"/people/{eva.id}/sign-out").status_code == 303
    assert owner.get("/account").status_code == 303
    again = app.test_client()
    answer = again.post("/login", data={"email": eva.email, "password": PASSWORD})
    assert answer.status_code == 303
    assert Role(eva.role) == Role.AGENT
