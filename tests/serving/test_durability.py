"""Pulling the plug in the middle of a stream of calls loses nothing that was acknowledged."""

import http.client
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import pytest
from sqlalchemy import create_engine, text

from crm_app.telephony.zadarma.signing import sign_webhook
from tests.patience import wait_until
from tests.postgres import Postgres
from tests.serving.running import Office, environment, flask

pytestmark = [pytest.mark.processes, pytest.mark.unhurried]
SECRET = "asecretofthetests"
WRITERS = 4
ENOUGH = 100


class Caller(threading.Thread):
    """Posts signed notifications one after the other and remembers which were acknowledged."""

    def __init__(self, port: int, name: str, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.port, self.prefix, self.stop = port, name, stop
        self.acknowledged: list[str] = []
        self.answers: list[int] = []

    def run(self) -> None:
        # Closed whichever way it ends: told to stop, or cut off when the plug is pulled.
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            number = 0
            while not self.stop.is_set():
                number += 1
                call_id = f"in_{self.prefix}{number:06d}"
                try:
                    status = post(connection, call_id)
                except (OSError, http.client.HTTPException):
                    return
                self.answers.append(status)
                if status == 200:
                    self.acknowledged.append(call_id)


def post(connection: http.client.HTTPConnection, call_id: str) -> int:
    """Tell of a call as the PBX does; give the status."""
    fields = {
        "event": "NOTIFY_START",
        "call_start": f"{datetime.now(tz=UTC):%Y-%m-%d %H:%M:%S}",  # noqa: TID251
        "pbx_call_id": call_id,
        "caller_id": "+351912000100",
        "called_did": "351210000001",
    }
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Signature": sign_webhook(fields, SECRET),
    }
    connection.request("POST", "/zadarma", urlencode(fields), headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The database that is to survive."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'data' / 'ramal.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()


def facts_in(address: str) -> set[str]:
    """The calls of which a fact is stored."""
    engine = create_engine(address)
    with engine.connect() as connection:
        found = {row[0] for row in connection.execute(text("SELECT pbx_call_id FROM call_fact"))}
    engine.dispose()
    return found


def connect_pbx(data_dir: Path, **settings: str) -> None:
    """Store the PBX's keys as an operator does; the PBX itself is not asked."""
    import subprocess
    import sys

    code = (
        "from crm_app import create_app\n"
        "from crm_app.extensions import db\n"
        "from crm_app.telephony.services import save_keys\n"
        "app = create_app()\n"
        "with app.app_context():\n"
        f"    save_keys('akeyofthetests', '{SECRET}', app.extensions['vault'])\n"
        "    db.session.commit()\n"
    )
    subprocess.run(
        [sys.executable, "-c", code], env=environment(data_dir, **settings), check=True, timeout=60
    )


def test_it_keeps_every_acknowledged_fact_through_kill_9(tmp_path: Path, address: str) -> None:
    settings = {"DATABASE_URL": address, "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8"}
    upgraded = flask(tmp_path / "data", "db", "upgrade", **settings)
    assert upgraded.returncode == 0, upgraded.stderr
    connect_pbx(tmp_path / "data", **settings)
    with Office(tmp_path / "data", **settings) as office:
        stop = threading.Event()
        callers = [Caller(office.port, str(index), stop) for index in range(WRITERS)]
        for caller in callers:
            caller.start()
        wait_until(
            lambda: sum(len(caller.acknowledged) for caller in callers) >= ENOUGH,
            lambda: office.output, seconds=60,
        )  # fmt: skip
        office.kill_everything()
        stop.set()
        for caller in callers:
            caller.join(60)
    assert {status for caller in callers for status in caller.answers} == {200}
    acknowledged = {call for caller in callers for call in caller.acknowledged}
    with Office(tmp_path / "data", **settings) as office:
        # What the database had not taken in yet is taken in by those who have just started.
        wait_until(
            lambda: acknowledged <= facts_in(address),
            lambda: (acknowledged - facts_in(address), office.output), seconds=60,
        )  # fmt: skip
        # What was folded before the plug was pulled is the same when all is folded again.
        rebuilt = flask(tmp_path / "data", "calls", "rebuild", **settings)
        assert rebuilt.returncode == 0, rebuilt.stderr
        assert len(acknowledged) >= ENOUGH
        assert office.get("/healthz")[0] == 200
