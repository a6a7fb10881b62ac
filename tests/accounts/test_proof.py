"""What matters most wants the password again when the sign-in is some time ago; nothing is lost."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from crm_app import clock
from crm_app.accounts.models import Role, User
from crm_app.accounts.sign_in.proof import WANTED_HEADER
from crm_app.demo import make_user
from crm_app.extensions import db
from crm_app.telephony.models import TelephonySettings

PASSWORD = "tres tigres tristes"
HTMX = {"HX-Request": "true"}
NEW = {"name": "Rui & Filhos", "email": "rui@example.com", "role": "agent", "extension": "109"}
ClientOf = Callable[[User], FlaskClient]


@pytest.fixture
def traveller() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(clock.now(), tick=False) as traveller:
        yield traveller


@pytest.fixture
def boss(app: Flask) -> User:
    return make_user("Boss", email="boss@example.com", role=Role.ADMIN, password=PASSWORD)


@pytest.fixture
def late(boss: User, client_of: ClientOf, traveller: time_machine.Traveller) -> FlaskClient:
    """The browser of an administrator who signed in eleven minutes ago."""
    browser = client_of(boss)
    traveller.shift(timedelta(minutes=11))
    return browser


def fields(answer: TestResponse) -> dict[str, str]:
    """Read what the question carries; the top of the page has a form of its own."""
    page = answer.text.partition("<main")[2]
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page)
    return {name: value.replace("&amp;", "&") for name, value in found if name != "csrf_token"}


def is_asked(answer: TestResponse) -> bool:
    return WANTED_HEADER in answer.headers


def rui() -> User | None:
    return db.session.scalar(db.select(User).where(User.email == NEW["email"]))


GUARDED = (
    "/people/new",
    "/people/{id}",
    "/people/{id}/invitation",
    "/people/{id}/reset-link",
    "/people/{id}/disable",
    "/people/{id}/enable",
    "/people/{id}/sign-out",
    "/people/rights",
    "/telephony/settings/keys",
    "/telephony/settings/disconnect",
    "/telephony/settings/token",
)


@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
def test_a_change_that_matters_is_asked_for_after_ten_minutes(
    late: FlaskClient, bob: User, path: str, headers: dict[str, str]
) -> None:
    answer = late.post(path.format(id=bob.id), data=NEW, headers=headers)
    assert is_asked(answer)
    assert answer.status_code == (403 if headers else 422)
    assert (answer.text == "") is bool(headers)
    db.session.refresh(bob)
    assert (bob.name, bob.active) == ("Bob Agent", True)
    assert rui() is None


@pytest.mark.parametrize("path", GUARDED)
def test_a_change_that_matters_is_not_asked_for_soon_after_the_sign_in(
    boss: User, client_of: ClientOf, traveller: time_machine.Traveller, bob: User, path: str
) -> None:
    browser = client_of(boss)
    traveller.shift(timedelta(minutes=9, seconds=59))
    assert not is_asked(browser.post(path.format(id=bob.id), data=NEW))


@pytest.mark.parametrize(
    "path", ["/people", "/people/new", "/telephony/settings", "/people/rights"]
)
def test_reading_is_never_asked_for(late: FlaskClient, path: str) -> None:
    assert late.get(path).status_code == 200


@pytest.mark.parametrize("path", GUARDED)
def test_who_may_not_do_it_is_refused_and_not_asked(
    client_of: ClientOf, bob: User, carol: User, traveller: time_machine.Traveller, path: str
) -> None:
    browser = client_of(bob)
    traveller.shift(timedelta(minutes=11))
    assert browser.post(path.format(id=carol.id), data=NEW).status_code == 403


def test_the_refused_form_goes_on_with_the_password(late: FlaskClient) -> None:
    question = late.post("/people/new?from=menu", data=NEW)
    assert "What you typed is kept." in question.text
    assert 'action="/people/new?from=menu"' in question.text
    assert fields(question) == NEW
    wrong = late.post("/people/new", data={**fields(question), "proof_password": "wrong"})
    assert "This is not your current password." in wrong.text
    assert fields(wrong) == NEW
    assert rui() is None
    done = late.post("/people/new", data={**fields(wrong), "proof_password": PASSWORD})
    assert done.status_code == 200
    user = rui()
    assert user is not None
    assert (user.name, user.extension) == ("Rui & Filhos", "109")


def test_a_form_that_is_refused_after_the_proof_comes_back_as_it_was_typed(
    late: FlaskClient,
) -> None:
    typed = {**NEW, "extension": "007", "proof_password": PASSWORD}
    answer = late.post("/people/new", data=typed)
    assert answer.status_code == 422
    assert not is_asked(answer)
    assert 'value="Rui &amp; Filhos"' in answer.text
    assert PASSWORD not in answer.text


def test_a_proof_is_good_for_ten_minutes_in_this_browser_only(
    late: FlaskClient, boss: User, client_of: ClientOf, traveller: time_machine.Traveller, bob: User
) -> None:
    other = client_of(boss)
    traveller.shift(timedelta(minutes=11))
    page = late.post("/account/proof?next=/people", data={"proof_password": PASSWORD})
    assert (page.status_code, page.location) == (303, "/people")
    assert not is_asked(late.post(f"/people/{bob.id}/enable"))
    assert is_asked(other.post(f"/people/{bob.id}/enable"))
    traveller.shift(timedelta(minutes=10, seconds=1))
    assert is_asked(late.post(f"/people/{bob.id}/enable"))


def test_a_script_that_asks_is_told_what_was_wrong(late: FlaskClient, bob: User) -> None:
    wrong = late.post("/account/proof", data={"proof_password": "x"}, headers=HTMX)
    assert (wrong.status_code, wrong.text) == (422, "This is not your current password.")
    right = late.post("/account/proof", data={"proof_password": PASSWORD}, headers=HTMX)
    assert (right.status_code, right.text) == (204, "")
    assert not is_asked(late.post(f"/people/{bob.id}/enable", headers=HTMX))


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example"])
def test_the_question_leads_to_no_other_site(late: FlaskClient, target: str) -> None:
    answer = late.post(
        "/account/proof", query_string={"next": target}, data={"proof_password": PASSWORD}
    )
    assert answer.location == "/account"


def test_guessing_is_counted_as_at_the_sign_in(late: FlaskClient, app: Flask) -> None:
    for _ in range(10):
        late.post("/people/new", data={**NEW, "proof_password": "wrong"})
    answer = late.post("/people/new", data={**NEW, "proof_password": PASSWORD})
    assert "Too many tries." in answer.text
    assert fields(answer) == NEW
    assert rui() is None


def test_keys_of_the_pbx_are_not_stored_before_the_proof(late: FlaskClient) -> None:
    late.post("/telephony/settings/keys", data={"key": "k" * 20, "secret": "s" * 20})
    assert not TelephonySettings.current().is_connected
