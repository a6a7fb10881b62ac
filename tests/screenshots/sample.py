"""The sample office for a browser: really served, with a PBX that really rings it."""

import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Self, TypeVar
from urllib.parse import urlsplit

import sqlalchemy as sa
import time_machine
from flask import Flask
from flask_migrate import upgrade
from werkzeug.exceptions import HTTPException

from crm_app import demo_office
from crm_app.accounts import services as accounts
from crm_app.accounts.models import Role, User
from crm_app.calls.models import Call
from crm_app.cli import build
from crm_app.config import Config, child_environment
from crm_app.extensions import db
from crm_app.leads import services as leads
from crm_app.serving.demonstration import LOOPBACK
from crm_app.serving.processes import valkey
from crm_app.simulator.office import INTERACTIVE, Simulator
from crm_app.telephony import services as telephony
from tests.patience import wait_for_page
from tests.ports import free_port
from tests.screenshots.morning import MORNING

ROOT = Path(__file__).resolve().parents[2]
CONF = "crm_app/serving/processes/gunicorn_conf.py"
START_SECONDS = 60
Made = TypeVar("Made")


class Pbx(Simulator):
    """A PBX in which a talk can be made longer than it was."""

    talk_seconds = 0

    def seconds(self) -> float:
        """Tell a clock that jumps ahead when `talk_seconds` is set."""
        return time.monotonic() + self.talk_seconds


class SampleOffice:
    """`with SampleOffice() as office:` serves an empty office; `lay` fills and connects it."""

    def __init__(self) -> None:
        self._held = ExitStack()
        self.folder = Path(self._held.enter_context(tempfile.TemporaryDirectory(prefix="ramal-")))
        self.pbx = Pbx(
            secrets.token_hex(10), secrets.token_hex(10), ring_seconds=None,
            extensions=[extension for _, _, extension, _ in demo_office.PEOPLE],
            did=demo_office.DID, balance="41.60",
        )  # fmt: skip
        self.pbx.account.callback = INTERACTIVE
        self.settings = Config(
            _env_file=None,  # type: ignore[call-arg]
            data_dir=self.folder,
            secret_key=secrets.token_hex(20),
            bind=f"127.0.0.1:{free_port()}",
            zadarma_api_url=self.pbx.url,
            webhook_allowed_networks=LOOPBACK,
            web_workers=1,
            log_level="WARNING",
        )
        self.url = self.settings.base_url
        self.app: Flask = build(self.settings)
        self.passwords: dict[str, str] = {}

    def __enter__(self) -> Self:
        """Serve the empty office and the PBX."""
        self._held.enter_context(time_machine.travel(MORNING, tick=True))
        (self.folder / "run").mkdir()
        self._run(valkey.command(self.settings.bus_socket, self.folder))
        valkey.wait_until_ready(self.settings.bus_socket, self.folder / valkey.LOG_NAME)
        # As an office is made: the page of the telephony's health says what does not fit.
        self.do(upgrade)
        self.do(leads.ensure_stages)
        self._held.enter_context(self.pbx)
        self.pbx.account.webhook_url = self.pbx.account.events_url = f"{self.url}/zadarma"
        server = self._run(
            [sys.executable, "-m", "gunicorn", "--config", CONF,
             "--bind", self.settings.bind, "--workers", "1", "tests.screenshots.wsgi:app"]
        )  # fmt: skip
        self._wait_for_page(server)
        return self

    def __exit__(self, *_: object) -> None:
        """End everything that was started."""
        with self.app.app_context():
            db.engine.dispose()
        self._held.close()

    def setup_address(self) -> str:
        """Give the address at which the first administrator is made."""
        return f"{self.url}/setup/{self.do(accounts.new_setup_token)}"

    def lay(self) -> None:
        """Put the sample office into the empty one and connect it with the PBX."""

        def connect() -> None:
            self.passwords = {person.email: person.password for person in demo_office.load()}
            vault = self.app.extensions["vault"]
            telephony.save_keys(self.pbx.account.key, self.pbx.account.secret, vault)
            telephony.set_default_responsible(db.session.scalar(sa.select(sa.func.min(User.id))))
            telephony.drop_token()
            db.session.commit()

        self.do(connect)

    def first(self, role: Role) -> str:
        """Give the e-mail with which the first of a role signs in."""
        first = sa.select(User.email).where(User.role == role).order_by(User.id)
        return self.do(lambda: db.session.scalars(first).all()[0])

    def endpoint_at(self, address: str) -> str:
        """Name the endpoint that answers an address, "" when none does."""
        try:
            return str(self.app.url_map.bind("").match(urlsplit(address).path)[0])
        except HTTPException:
            return ""

    def do(self, work: Callable[[], Made]) -> Made:
        """Do something to the office's records and commit."""
        with self.app.app_context():
            made = work()
            db.session.commit()
            return made

    def let_pass(self, seconds: int) -> None:
        """Let the talks that go on be longer than they were."""
        with self.app.app_context():
            for call in db.session.scalars(sa.select(Call).where(Call.ended_at.is_(None))):
                if call.answered_at:
                    call.answered_at -= timedelta(seconds=seconds)
            db.session.commit()
        self.pbx.talk_seconds = seconds

    def _run(self, command: list[str]) -> "subprocess.Popen[bytes]":
        log = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the office)
        self._held.enter_context(log)
        process = subprocess.Popen(
            command, cwd=ROOT, env=child_environment(self.settings), stdout=log, stderr=log
        )
        self._held.callback(process.wait, 20)
        self._held.callback(process.send_signal, signal.SIGTERM)
        return process

    def _wait_for_page(self, server: "subprocess.Popen[bytes]") -> None:
        wait_for_page(
            f"{self.url}/login", "the sample office does not start",
            seconds=START_SECONDS, process=server,
        )  # fmt: skip
