"""Operator commands that run Ramal."""

from collections.abc import Callable

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext

from crm_app.config import Config

Factory = Callable[[Config], Flask]


demo_cli = AppGroup("demo", help="The sample office.")


@demo_cli.command("load")
def load() -> None:
    """Fill an empty database with the sample office and print how to sign in."""
    from crm_app import demo_office

    for card in demo_office.load():
        click.echo(f"{card.email}\t{card.role}\t{card.extension}\t{card.password}")


@demo_cli.command("clear")
def clear() -> None:
    """Empty a database that holds the sample office; one of a real office is left alone."""
    from crm_app import demo_office

    click.echo(f"{demo_office.clear()} rows deleted.")


def make_serve(create_app: Factory) -> click.Command:
    """Make the `serve` command; `factory` builds its applications."""

    @click.command("serve")
    @click.option("--demo", is_flag=True, help="Serve a sample office and a PBX that plays calls.")
    @with_appcontext
    def serve(demo: bool) -> None:
        """Run everything: web, worker and, without REDIS_URL, the event bus.

        The first start prints a link to create the first administrator. Ctrl-C stops everything.
        """
        from crm_app.serving import demonstration, office

        settings: Config = current_app.extensions["settings"]
        if demo:
            demonstration.serve(settings, create_app)
        else:
            office.serve(settings, _this_app())

    return serve


@click.command("worker")
@with_appcontext
def worker() -> None:
    """Perform background jobs; any number of workers may run, on any machine."""
    from crm_app import database
    from crm_app.extensions import db
    from crm_app.serving import preparation
    from crm_app.serving.jobs import KINDS
    from crm_app.serving.worker import Worker

    preparation.refuse_unfit_database()
    app = _this_app()
    settings: Config = app.extensions["settings"]
    preparation.refuse_other_key(settings)
    database.spare_memory(db.engine)
    Worker(app, settings, KINDS).run()


def _this_app() -> Flask:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return app
