"""Operators add and list users at a terminal."""

import re

import pytest
from click.testing import Result
from flask import Flask

from crm_app.accounts.models import Role, User
from crm_app.accounts.people.commands import user_cli
from crm_app.demo import make_user
from crm_app.extensions import db


def run(app: Flask, *words: str, typed: str = "") -> Result:
    return app.test_cli_runner().invoke(user_cli, words, input=typed)


def test_it_creates_a_user_who_can_sign_in(app: Flask, visitor) -> None:
    words = ["--name", "Eva", "--role", "admin", "--extension", "104", "--password-stdin"]
    result = run(app, "create", "Eva@Example.com", *words, typed="tres tigres tristes\n")
    assert result.exit_code == 0, result.output
    user = db.session.scalars(db.select(User)).one()
    assert (user.email, user.role, user.extension) == ("eva@example.com", Role.ADMIN, "104")
    data = {"email": "eva@example.com", "password": "tres tigres tristes"}
    assert visitor.post("/login", data=data).status_code == 303


def test_it_prints_an_invitation_where_no_password_is_given(app: Flask, visitor) -> None:
    result = run(app, "create", "eva@example.com", "--name", "Eva", "--role", "agent")
    assert result.exit_code == 0, result.output
    path = re.fullmatch(r"http://127\.0\.0\.1:8000(/invitation/[\w-]{40,})\n", result.output)
    assert path
    assert visitor.get(path[1]).status_code == 200


@pytest.mark.parametrize(
    ("words", "typed", "complaint"),
    [
        (["not-an-email"], "", "not-an-email is no e-mail address"),
        (["bob.agent@example.com"], "", "Somebody already has this e-mail."),
        (["eva@example.com", "--extension", "101"], "", "Somebody already has this extension."),
        (["eva@example.com", "--extension", "7"], "", "An extension has 3 to 5 digits"),
        (["eva@example.com", "--password-stdin"], "short\n", "Use at least 12 characters"),
        (["eva@example.com", "--name", ""], "", "Enter a name."),
        (["eva@example.com", "--name", "  "], "", "Enter a name."),
        (["eva@example.com", "--name", "E" * 121], "", "Use at most 120 characters."),
    ],
)
def test_it_fails_with_one_clear_line(
    app: Flask, bob: User, words: list[str], typed: str, complaint: str
) -> None:
    result = run(app, "create", "--name", "Eva", "--role", "agent", *words, typed=typed)
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: {complaint}")
    assert len(result.output.splitlines()) == 1
    assert db.session.scalars(db.select(User)).all() == [bob]


def test_it_lists_users_by_line(app: Flask, bob: User) -> None:
    make_user("Old", active=False, password="x")
    make_user("Here", password="x")
    lines = run(app, "list").output.splitlines()
    assert "bob.agent@example.com\tBob Agent\tagent\t101\tinvited" in lines
    assert "old@example.com\tOld\tagent\t-\tdisabled" in lines
    assert "here@example.com\tHere\tagent\t-\tenabled" in lines


def test_it_prints_a_link_for_a_new_password(app: Flask, bob: User, visitor) -> None:
    result = run(app, "reset", "BOB.agent@example.com")
    assert result.exit_code == 0, result.output
    assert (
        visitor.get(result.output.strip().removeprefix("http://127.0.0.1:8000")).status_code == 200
    )
    unknown = run(app, "reset", "nobody@example.com")
    assert (unknown.exit_code, unknown.output) == (
        1, "Error: nobody has the e-mail nobody@example.com\n",
    )  # fmt: skip
