"""An office for the browser: the real application under the real server, and a PBX that talks."""

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeVar

import sqlalchemy as sa
from flask import Flask

from crm_app import clock, create_app
from crm_app.accounts.models import Role, User
from crm_app.calls import audience
from crm_app.calls.fold.facts import Disposition, Fact, FactKind
from crm_app.calls.store.ledger import record
from crm_app.config import Config
from crm_app.demo import make_user
from crm_app.extensions import db
from crm_app.live.services import tell
from tests.patience import wait_for_page
from tests.ports import free_port
from tests.signed_in import new_token

ROOT = Path(__file__).resolve().parents[2]
CONF = "crm_app/serving/processes/gunicorn_conf.py"
SESSION_KEY = "a key for the browser tests that is long enough"
LINE = "+351210000001"
START_SECONDS = 60
Made = TypeVar("Made")


class Office:
    """A running Ramal on loopback whose calls are told by `ring`, `answer` and `end`."""

    def __init__(self, folder: Path, bus_url: str, host: str = "127.0.0.1") -> None:
        self.folder = folder
        self.public_url = ""
        # Further settings of the served process.
        self.more: dict[str, str] = {}
        self.settings = Config(
            _env_file=None,  # type: ignore[call-arg]
            data_dir=folder, secret_key=SESSION_KEY, redis_url=bus_url, log_level="WARNING",
        )  # fmt: skip
        self.app: Flask = create_app(self.settings)
        self.host = host
        self.port = free_port()
        self.url = f"http://{host}:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        self._log = folder / "office.log"
        with self.app.app_context():
            db.create_all()
            for name, extension in (("Bob", "101"), ("Erin", "102"), ("Carol", "103")):
                make_user(name, extension=extension)
            make_user("Alice", role=Role.ADMIN, extension="100")

    def start(self) -> None:
        """Serve, and wait until a page comes."""
        environment = {
            **os.environ,  # noqa: TID251
            "DATA_DIR": str(self.folder),
            "SECRET_KEY": SESSION_KEY,
            "REDIS_URL": self.settings.redis_url,
            "DATABASE_URL": "",
            "LOG_LEVEL": "WARNING",
            "PUBLIC_URL": self.public_url,
            **self.more,
        }
        with self._log.open("ab") as log:
            self.process = self._serve(environment, log)
        wait_for_page(
            f"{self.url}/login", lambda: self._log.read_text()[-3000:],
            seconds=START_SECONDS, process=self.process,
        )  # fmt: skip

    def _serve(self, environment: dict[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--config", CONF,
             "--bind", f"{self.host}:{self.port}", "--workers", "1"],
            cwd=ROOT, env=environment, stdout=log, stderr=log,
        )  # fmt: skip

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the server; SIGKILL ends it as a crash does."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(20)
            self.process = None

    def forget_everything(self) -> None:
        """Remove all records but the users, who are all here again."""
        with self.app.app_context(), db.engine.begin() as connection:
            connection.execute(sa.text("PRAGMA defer_foreign_keys=ON"))
            for table in reversed(db.metadata.sorted_tables):
                if table.name != "user":
                    connection.execute(table.delete())
            here = {"away_since": None, "away_until": None, "deputy_id": None}
            connection.execute(sa.update(User).values(here))

    def cookie_of(self, name: str) -> dict[str, str]:
        """Make the session cookie of a user by name."""
        serializer = self.app.session_interface.get_signing_serializer(self.app)  # type: ignore[attr-defined]
        with self.app.app_context():
            user = db.session.scalars(sa.select(User).where(User.name == name)).one()
            value = serializer.dumps({"_user_id": new_token(user), "_fresh": True})
        return {"name": "session", "value": value, "url": self.url}

    def do(self, work: Callable[[], Made]) -> Made:
        """Do something to the office's records and commit."""
        with self.app.app_context():
            made = work()
            db.session.commit()
            return made

    def fact(self, kind: FactKind, pbx_call_id: str, **told: Any) -> int:
        """Store what the PBX says and tell the screens, as the webhook does."""
        with self.app.app_context():
            recorded = record(
                db.session.connection(), Fact(kind, pbx_call_id, clock.now(), **told), ""
            )
            db.session.commit()
            for users, message in audience.messages(recorded):
                tell(users, message)
            return recorded.call_id

    def ring(self, number: str, *extensions: str) -> str:
        """Let somebody call and some phones ring; gives the PBX's call id."""
        pbx_call_id = f"in_{secrets.token_hex(20)}"
        told = {"caller": number, "did": LINE}
        self.fact(FactKind.STARTED, pbx_call_id, **told)
        for extension in extensions:
            self.fact(FactKind.RANG, pbx_call_id, extension=extension, **told)
        return pbx_call_id

    def answer(self, pbx_call_id: str, extension: str) -> int:
        """Let an extension pick up."""
        return self.fact(
            FactKind.ANSWERED, pbx_call_id, called=extension, extension=extension, did=LINE
        )

    def end(self, pbx_call_id: str, talk_seconds: int = 0) -> int:
        """Let the call end, with a talk or without one."""
        disposition = Disposition.ANSWERED if talk_seconds else Disposition.CANCELLED
        return self.fact(
            FactKind.ENDED, pbx_call_id, disposition=disposition, talk_seconds=talk_seconds
        )
