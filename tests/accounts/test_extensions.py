"""Extension fields offer what is free at the PBX, and refuse what it does not have."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm_app import clock
from crm_app.accounts import services
from crm_app.accounts.models import User
from crm_app.accounts.people.commands import user_cli
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.telephony.models import TelephonySettings

SignIn = Callable[[User], FlaskClient]


@pytest.fixture
def known(alice: User, bob: User) -> None:
    """The PBX has four extensions, two of which are taken by Alice and Bob."""
    settings = TelephonySettings.for_change()
    settings.extensions_json = '["100", "101", "102", "103"]'
    settings.extensions_at = clock.now()
    db.session.commit()


def offered(page: str) -> list[str]:
    """List what the field offers."""
    options = page[page.index('id="free-extensions"') :].partition("</datalist>")[0]
    return [part.partition('"')[0] for part in options.split('value="')[1:]]


@pytest.mark.parametrize("path", ["/people/new", "/people/{bob}"])
def test_the_form_offers_the_free_ones(
    known: None, alice: User, bob: User, client_of: SignIn, path: str
) -> None:
    page = client_of(alice).get(path.format(bob=bob.id)).text
    assert offered(page) == ["102", "103"]


def test_an_extension_that_the_pbx_does_not_have_is_refused(
    known: None, alice: User, bob: User, client_of: SignIn
) -> None:
    form = {"name": "New One", "email": "new@example.com", "role": "agent", "extension": "999"}
    browser = client_of(alice)
    for path in ("/people/new", f"/people/{bob.id}"):
        answer = browser.post(path, data=form)
        assert answer.status_code == 422
        assert "The PBX has no such extension" in answer.text
    assert browser.post("/people/new", data=form | {"extension": "102"}).status_code == 200


def test_who_has_one_that_has_gone_keeps_it_until_it_is_changed(
    known: None, alice: User, bob: User
) -> None:
    bob.extension = "555"
    db.session.commit()
    services.set_extension(bob, "555", alice)
    with pytest.raises(InvalidInputError) as refused:
        services.set_extension(bob, "556", alice)
    assert refused.value.code == "extension_unknown"


def test_the_command_refuses_it_too(app: Flask, known: None) -> None:
    arguments = ["create", "x@example.com", "--name", "X", "--role", "agent"]
    answer = app.test_cli_runner().invoke(user_cli, [*arguments, "--extension", "999"])
    assert answer.exit_code != 0
    assert "The PBX has no such extension" in answer.output


def test_any_extension_is_taken_while_nobody_knows_what_the_pbx_has(
    alice: User, client_of: SignIn
) -> None:
    browser = client_of(alice)
    assert offered(browser.get("/people/new").text) == []
    form = {"name": "New One", "email": "new@example.com", "role": "agent", "extension": "777"}
    assert browser.post("/people/new", data=form).status_code == 200
