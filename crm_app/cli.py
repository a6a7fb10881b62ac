"""All commands of the operators, and how they end when something is wrong."""

from copy import copy
from typing import Any

import click
from flask import Flask

from crm_app import config
from crm_app.accounts.people.commands import user_cli
from crm_app.calls.commands import calls_cli
from crm_app.config import Config
from crm_app.errors import InvalidInputError, RamalError
from crm_app.serving.commands import demo_cli, make_serve, worker
from crm_app.serving.key_commands import secret_key_cli
from crm_app.serving.processes import checks
from crm_app.simulator.commands import simulate
from crm_app.telephony.commands import telephony_cli

telephony_cli.add_command(simulate)


def create_app() -> Flask:
    """Build the application for the `flask` command; a bad setting is one line, not a traceback."""
    checks.keep_files_private()
    try:
        settings = config.load()
        checks.prepare_folder(settings.data_dir)
        return _build(settings)
    except RamalError as error:
        raise click.ClickException(explain(error)) from error


def register(app: Flask) -> None:
    """Add our commands to an application."""
    groups = (user_cli, calls_cli, telephony_cli, demo_cli, secret_key_cli)
    for command in (*groups, make_serve(_build), worker):
        app.cli.add_command(_ending_in_one_line(command))


def explain(error: RamalError) -> str:
    """Word an error for somebody at a terminal."""
    if not isinstance(error, InvalidInputError):
        return str(error)
    details = ", ".join(str(value) for value in error.details.values())
    words = error.code.replace("_", " ")
    return ": ".join(part for part in (error.field, words, details) if part)


def _build(settings: Config) -> Flask:
    # The factory registers this module's commands, so it can only be imported when it is needed.
    from crm_app import create_app as build

    return build(settings)


def _ending_in_one_line(command: click.Command) -> click.Command:
    # The groups belong to the features and to every application: only this one's copy is changed.
    command = copy(command)
    invoke = command.invoke

    def invoke_or_explain(context: click.Context) -> Any:
        try:
            return invoke(context)
        except RamalError as error:
            raise click.ClickException(explain(error)) from error

    command.invoke = invoke_or_explain  # type: ignore[assignment, method-assign]
    return command
