"""An office that the PBX posts to, and what it has kept of that."""

import http.client
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

from sqlalchemy import Connection, NullPool, create_engine, text

from crm_app.telephony.zadarma.signing import sign_webhook
from tests.patience import wait_until
from tests.postgres import Postgres
from tests.serving.running import Office, environment

SECRET = "asecretofthetests"
TAKEN_IN_WITHIN_S = 30.0


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


def connect_pbx(data_dir: Path, **settings: str) -> None:
    """Store the PBX's keys as an operator does; the PBX itself is not asked."""
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


@dataclass
class House:
    """A running office, its database, and what was posted to it in order."""

    office: Office
    address: str
    # Its own PostgreSQL, which may be hung and crashed.
    server: Postgres | None = None
    posted: list[str] = field(default_factory=list)

    def ring(self, times: int, pause: float = 0.03) -> list[float]:
        """Post so many notifications one after the other; give the seconds of each answer."""
        took = []
        with closing(self.connection()) as connection:
            for _ in range(times):
                call_id = f"in_{secrets.token_hex(16)}"
                began = time.monotonic()
                status = post(connection, call_id)
                took.append(time.monotonic() - began)
                assert status == 200, self.office.output
                self.posted.append(call_id)
                time.sleep(pause)
        return took

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.office.port, timeout=10)

    def stored(self) -> list[str]:
        """The calls whose start is in the database, in the order in which they were stored."""
        engine = create_engine(self.address, poolclass=NullPool)
        with engine.connect() as connection:
            # After three minutes the worker notes of each of them that its end never came.
            asked = "SELECT pbx_call_id FROM call_fact WHERE kind = 'started' ORDER BY id"
            return [row[0] for row in connection.execute(text(asked))]

    def wait_until_stored(self, seconds: float = TAKEN_IN_WITHIN_S) -> None:
        """Wait until all that was acknowledged is there: each once, in the order it came."""
        wait_until(
            lambda: len(self.stored()) >= len(self.posted),
            lambda: (len(self.stored()), len(self.posted), self.office.output), seconds=seconds,
        )  # fmt: skip
        assert self.stored() == self.posted

    def wait_until_spool_is_gone(self, seconds: float = TAKEN_IN_WITHIN_S) -> None:
        """Wait for what comes after storing: the records are marked, and a line says so."""
        wait_until(
            lambda: not self.waiting()
            and self.count("spool_begun") <= self.count("spool_drained"),
            lambda: self.office.output, seconds=seconds,
        )  # fmt: skip

    def count(self, event: str) -> int:
        """How often the office has logged an event."""
        return self.office.output.count(event)

    def waiting(self) -> int:
        """How many notifications wait, by what /readyz says."""
        found: int = json.loads(self.office.get("/readyz")[1])["spool"]["records"]
        return found


@contextmanager
def a_writer_of_another_process(house: House) -> Iterator[None]:
    """Somebody else writes and does not end."""
    engine = create_engine(house.address, poolclass=NullPool)
    with engine.connect() as other:
        lock(other)
        yield
        other.rollback()


def lock(other: Connection) -> None:
    if other.dialect.name == "postgresql":
        other.execute(text("LOCK TABLE call_fact, call IN ACCESS EXCLUSIVE MODE"))
    else:
        other.exec_driver_sql("BEGIN IMMEDIATE")
