"""The operator's commands about users: `flask user …`."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from email_validator import EmailNotValidError, validate_email
from flask import current_app
from flask.cli import AppGroup
from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError, ProgrammingError

from crm_app.accounts import links, normalise, services, wording
from crm_app.accounts.models import LinkPurpose, Role, User
from crm_app.accounts.passwords import hashing
from crm_app.accounts.second_factor import services as factors
from crm_app.accounts.sessions import throttle
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.security import events
from crm_app.security.events import Kind

user_cli = AppGroup("user", help="Add users, list them, let them choose a new password.")


def one_clear_line(command: Callable[..., None]) -> Callable[..., None]:
    """End a command that fails with one line and a non-zero code."""

    @wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except InvalidInputError as error:
            raise click.ClickException(wording.sentence(error)) from error
        except (OperationalError, ProgrammingError) as error:
            reason = str(error.orig).splitlines()[0]
            raise click.ClickException(
                f"the database cannot be used ({reason}). Has `flask db upgrade` been run?"
            ) from error

    return guarded


@user_cli.command("create")
@click.argument("email")
@click.option("--name", required=True, help="The person's name.")
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]))
@click.option("--extension", default="", help="The internal number at the PBX, such as 101.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@one_clear_line
def create(email: str, name: str, role: str, extension: str, password_stdin: bool) -> None:
    """Add a user; without a password, print the link with which they choose one."""
    try:
        email = validate_email(email, check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise click.ClickException(f"{email} is no e-mail address: {error}") from error
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
        password_hash = hashing.make_hash(password, email=email, name=name)
        services.create_user(
            email, name, role=Role(role), extension=extension, password_hash=password_hash
        )
        db.session.commit()
        click.echo(f"{email.lower()} can sign in at {_address('/login')}")
        return
    _, token = services.invite(email, name, role=Role(role), extension=extension, by=None)
    db.session.commit()
    click.echo(_address(links.path(LinkPurpose.INVITATION, token)))


@user_cli.command("list")
@one_clear_line
def list_users() -> None:
    """List all users, one a line, separated by tabs."""
    for user in db.session.scalars(db.select(User).order_by(User.email)):
        state = "invited" if user.is_invited else "enabled" if user.active else "disabled"
        click.echo("\t".join([user.email, user.name, user.role, user.extension or "-", state]))


@user_cli.command("reset")
@click.argument("email")
@one_clear_line
def reset(email: str) -> None:
    """Print a link with which a user chooses a new password."""
    user = _find(email)
    token = services.reset_token(user, by=None)
    db.session.commit()
    click.echo(_address(links.path(LinkPurpose.RESET, token)))


@user_cli.command("unlock")
@click.argument("email")
@one_clear_line
def unlock(email: str) -> None:
    """Let somebody try again who was locked out after too many wrong passwords."""
    user = _find(email)
    events.done(Kind.UNLOCKED, about=user.id)
    db.session.commit()
    try:
        throttle.unlock(email)
    except RedisError as error:
        raise click.ClickException(
            f"the event bus does not answer ({type(error).__name__}); tries are counted there."
        ) from error
    click.echo(f"{normalise.email(email)} may try again.")


@user_cli.command("reset-second-factor")
@click.argument("email")
@one_clear_line
def reset_second_factor(email: str) -> None:
    """Remove the authenticator app, passkeys and recovery codes of somebody who has lost them."""
    user = _find(email)
    factors.reset(user, by=None)
    db.session.commit()
    click.echo(f"{user.email} signs in with the password alone and is signed out everywhere.")


def _find(email: str) -> User:
    user: User | None = db.session.scalar(
        db.select(User).where(User.email == normalise.email(email))
    )
    if user is None:
        raise click.ClickException(f"nobody has the e-mail {email}")
    return user


def _address(path: str) -> str:
    return str(current_app.extensions["settings"].base_url) + path
