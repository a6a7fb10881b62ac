"""Operator commands about the call log."""

import click
from flask.cli import AppGroup

from crm_app.calls.store import upkeep
from crm_app.extensions import db

calls_cli = AppGroup("calls", help="The call log.")


@calls_cli.command("rebuild")
def rebuild() -> None:
    """Recompute every call from the stored facts.

    Contacts and leads attached by hand, and wrap-ups, stay as they are. Safe while calls come in.
    """
    count = upkeep.rebuild(db.session)
    click.echo(f"{count} calls recomputed.")
