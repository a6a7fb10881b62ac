"""`flask serve --demo`: a sample office in its own folder, and a simulated PBX with calls."""

import ipaddress
import secrets
import socket
from collections.abc import Callable
from contextlib import ExitStack

import click
from flask import Flask

from crm_app import config, demo_office
from crm_app.accounts.models import User
from crm_app.config import Config
from crm_app.demo_office import SignIn
from crm_app.encryption import Vault
from crm_app.errors import ConfigError
from crm_app.extensions import db
from crm_app.serving import office
from crm_app.serving.processes.supervisor import Supervisor
from crm_app.telephony import services as telephony
from crm_app.telephony.services import Probe

PBX_HOST = "127.0.0.1"
PBX_PORT = 8001
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


def settings_of_demo(settings: Config, pbx_port: int) -> Config:
    """Derive the settings of the demo from an office's; the two share no data."""
    return config.load(
        **settings.model_dump()
        | {
            "data_dir": settings.data_dir / "demo",
            **dict.fromkeys(("secret_key_file", "database_url_file", "metrics_token_file")),
            "secret_key": "",
            "secret_key_fallbacks": (),
            "database_url": "",
            "redis_url": "",
            "recordings_url": "",
            "public_url": "",
            "trusted_proxies": 0,
            "web_workers": 0,
            "zadarma_api_url": f"http://{PBX_HOST}:{pbx_port}",
            "webhook_allowed_networks": LOOPBACK,
        }
    )


def serve(settings: Config, create_app: Callable[[Config], Flask]) -> None:
    """Open the sample office and its PBX until a signal comes.

    Raises ConfigError or DatabaseError when it cannot open, RamalError when a part keeps dying.
    """
    pbx_port = _free_port()
    demo = settings_of_demo(settings, pbx_port)
    with ExitStack() as held:
        resources = office.acquire(demo, held)
        app = create_app(resources.settings)
        office.prepare(app, resources.settings)
        key, secret = secrets.token_hex(10), secrets.token_hex(10)
        with app.app_context():
            cards = demo_office.load()
            clients = demo_office.known_clients()
            _connect(app.extensions["vault"], key, secret, [card.extension for card in cards])
        supervisor = Supervisor(resources.settings, resources.listener, resources.lock)

        def start_pbx() -> None:
            supervisor.start_module(
                "PBX simulator",
                "crm_app.simulator",
                f"--key={key}",
                f"--webhook={resources.settings.base_url}/zadarma",
                f"--port={pbx_port}",
                f"--extensions={','.join(card.extension for card in cards)}",
                f"--did={demo_office.DID}",
                *(f"--client={name}={number}" for name, number in clients),
                # Every user of the machine can read the arguments of a process.
                SIMULATOR_SECRET=secret,
            )

        def greet() -> None:
            office.say_where(resources.settings)
            click.echo(_table(cards))
            click.echo(f"Ring the office: http://{PBX_HOST}:{pbx_port}\n")

        office.open_office(supervisor, resources.settings, greet, start_pbx)


def _connect(vault: Vault, key: str, secret: str, extensions: list[str]) -> None:
    telephony.save_keys(key, secret, vault)
    telephony.keep(Probe(extensions=tuple(extensions)))
    telephony.set_default_responsible(db.session.scalar(db.select(User.id).order_by(User.id)))
    telephony.drop_token()
    db.session.commit()
    db.session.remove()
    db.engine.dispose()


def _free_port() -> int:
    for port in (PBX_PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((PBX_HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ConfigError("no port is free for the PBX simulator.")


def _table(cards: list[SignIn]) -> str:
    rows = [("Name", "Role", "Phone", "E-mail", "Password today")]
    rows += [(card.name, card.role, card.extension, card.email, card.password) for card in cards]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = [
        "  "
        + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n" + "\n".join(lines) + "\n"
