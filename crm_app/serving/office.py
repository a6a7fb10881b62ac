"""`flask serve`: checks, prepares and starts everything, and prints the address."""

import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import click
from flask import Flask

from crm_app.config import Config
from crm_app.extensions import db
from crm_app.serving import advice, preparation
from crm_app.serving.processes import checks
from crm_app.serving.processes.supervisor import Supervisor, connections_for, while_running

Greeting = Callable[[], None]


@dataclass(frozen=True, slots=True)
class HeldResources:
    """What is held while the office is open: the socket and the lock of the data folder."""

    settings: Config
    listener: socket.socket
    lock: int


def acquire(settings: Config, held: ExitStack) -> HeldResources:
    """Check the conditions and acquire the lock and the socket; raises ConfigError."""
    checks.prepare_folder(settings.data_dir)
    checks.prepare_private_folder(settings.data_dir / "run")
    lock = checks.lock_folder(settings.data_dir / "run")
    listener = held.enter_context(checks.bind(settings.bind))
    real = settings.model_copy(update={"bind": checks.real_address(settings, listener)})
    return HeldResources(real, listener, lock)


def serve(settings: Config, app: Flask) -> None:
    """Open the office and keep it open until a signal comes.

    Raises ConfigError or DatabaseError when it cannot open, RamalError when a part keeps dying.
    """
    with ExitStack() as held:
        resources = acquire(settings, held)
        setup_address = prepare(app, resources.settings)
        supervisor = Supervisor(resources.settings, resources.listener, resources.lock)

        def greet() -> None:
            say_where(resources.settings)
            if setup_address:
                click.echo(
                    f"\nThere is no administrator yet. Open this link once to become one:\n\n"
                    f"  {setup_address}\n"
                )

        open_office(supervisor, resources.settings, greet)


def open_office(
    supervisor: Supervisor, settings: Config, greet: Greeting, also: Greeting | None = None
) -> None:
    """Start all parts, print the address once pages are served, and run until a signal comes.

    `also` starts further parts, such as the demo's PBX.
    """
    for sentence in advice.all_of(settings):
        click.echo(f"Warning: {sentence}", err=True)
    files = checks.raise_file_limit()
    if files < checks.WANTED_FILES:
        click.echo(
            f"Warning: only {files} files may be open at once, so about "
            f"{connections_for(files)} browsers can stay connected. Raise it with `ulimit -n`.",
            err=True,
        )

    def start() -> None:
        supervisor.catch_signals()
        if settings.embeds_valkey and not supervisor.start_bus():
            return
        if also:
            also()
        supervisor.start_flask("worker", "worker")
        supervisor.start_web(connections_for(files))
        if supervisor.wait_for_web():
            greet()

    while_running(supervisor, start)


def prepare(app: Flask, settings: Config) -> str:
    """Bring the database up to date; returns the set-up address if set-up is still to be done."""
    with app.app_context():
        copy = preparation.prepare_database(settings.data_dir / "backups")
        if copy:
            click.echo(f"The database was upgraded. A copy from before is {copy}")
        if preparation.take_keys(settings):
            click.echo("Everything is encrypted with the newest key now.")
        preparation.seed()
        address = preparation.setup_address(settings.base_url)
        db.session.remove()
        db.engine.dispose()
    return address


def say_where(settings: Config) -> None:
    """Print the address of the office."""
    click.echo(f"\nRamal answers on {settings.base_url} (Ctrl-C stops it)")
    if settings.public_url:
        click.echo(f"  behind the proxy, it listens on http://{settings.bind}")
    click.echo(f"  data folder: {settings.data_dir}")
