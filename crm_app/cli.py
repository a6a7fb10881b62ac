"""All operator commands, and how they report errors."""

from copy import copy
from typing import Any

import click
from flask import Flask
from flask_migrate import Migrate

from crm_app import config
from crm_app import create_app as create_web_app
from crm_app.accounts.people.commands import user_cli
from crm_app.callbacks.commands import callbacks_cli
from crm_app.calls.commands import calls_cli
from crm_app.config import Config
from crm_app.errors import InvalidInputError, RamalError
from crm_app.extensions import db
from crm_app.health import migrations
from crm_app.serving.commands import demo_cli, make_serve, worker
from crm_app.serving.key_commands import secret_key_cli
from crm_app.serving.processes import checks
from crm_app.serving.recording_commands import recordings_cli
from crm_app.simulator.commands import simulate
from crm_app.telephony.call_files.commands import import_calls
from crm_app.telephony.commands import telephony_cli
from crm_app.telephony.reconciliation.commands import load_history, reconcile

for command in (simulate, reconcile, load_history):
    telephony_cli.add_command(command)
calls_cli.add_command(import_calls)


def create_app() -> Flask:
    """Build the application for the `flask` command; a bad setting is one line, not a traceback."""
    checks.keep_files_private()
    try:
        settings = config.load()
        checks.prepare_folder(settings.data_dir)
        return build(settings)
    except RamalError as error:
        raise click.ClickException(explain(error)) from error


def build(settings: Config) -> Flask:
    """Build an application with the commands, and with what migrates its database.

    Those who only serve pages have neither: it would be eleven megabytes more in each process.
    """
    app = create_web_app(settings)
    Migrate(app, db, directory=str(migrations.FOLDER), render_as_batch=True)
    groups = (
        user_cli, calls_cli, callbacks_cli, recordings_cli, telephony_cli, demo_cli, secret_key_cli
    )  # fmt: skip
    for command in (*groups, make_serve(build), worker):
        app.cli.add_command(_ending_in_one_line(command))
    return app


def explain(error: RamalError) -> str:
    """Format an error for the terminal."""
    if not isinstance(error, InvalidInputError):
        return str(error)
    details = ", ".join(str(value) for value in error.details.values())
    words = error.code.replace("_", " ")
    return ": ".join(part for part in (error.field, words, details) if part)


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
