"""One running Ramal for the benchmarks: a folder, a filled database, `flask serve`, cookies."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from crm_app import create_app
from crm_app.config import Config
from crm_app.demo import make_user
from crm_app.extensions import db
from crm_app.telephony.webhook.spool import Spool
from tests.bench import data
from tests.ports import free_port
from tests.postgres import Postgres
from tests.signed_in import cookie_of

ROOT = Path(__file__).resolve().parents[2]
CONF = "crm_app/serving/processes/gunicorn_conf.py"
KEY, SECRET = "a1b2c3d4e5f60718293a", "0f1e2d3c4b5a69788796"
SESSION_KEY = "a key for the benchmarks, long enough to be taken"
SPOOL_SECONDS = 120
USERS = 500
PHONES = 100


class House:
    """A Ramal with `contacts` contacts on one engine; `serve` runs it as an office would."""

    def __init__(
        self, engine: str, contacts: int, server: Postgres | None = None, users: int = USERS
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"ramal-bench-{engine}-"))
        self.engine = engine
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        database_url = server.new_database() if server else ""
        self.database_url = database_url or f"sqlite:///{self.folder / 'ramal.db'}"
        self.environment = {
            **os.environ,  # noqa: TID251
            "DATA_DIR": str(self.folder),
            "DATABASE_URL": database_url,
            "SECRET_KEY": SESSION_KEY,
            "BIND": f"127.0.0.1:{self.port}",
            "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
            "ZADARMA_API_URL": "http://127.0.0.1:9",
            "LOG_LEVEL": "WARNING",
        }
        self._flask("db", "upgrade")
        self.app = create_app(
            Config(
                _env_file=None,  # type: ignore[call-arg]
                data_dir=self.folder, secret_key=SESSION_KEY, database_url=database_url,
                log_level="WARNING",
            )
        )  # fmt: skip
        with self.app.app_context():
            from crm_app.leads.services import ensure_stages

            ensure_stages()
            agents = [
                make_user(f"Agent {i}", extension=str(100 + i) if i < PHONES else None)
                for i in range(users)
            ]
            db.session.commit()
            self.cookies = [f"session={cookie_of(self.app, agent)}" for agent in agents]
            db.session.rollback()
            with db.engine.begin() as connection:
                data.load(connection, contacts, users)
            data.settle(db.engine)
            db.session.remove()
            db.engine.dispose()
        self._flask(
            "telephony", "connect", "--key", KEY, "--secret-stdin", "--untested", typed=SECRET
        )

    def _flask(self, *arguments: str, typed: str = "") -> None:
        subprocess.run(
            [sys.executable, "-m", "flask", *arguments],
            cwd=ROOT, env=self.environment, input=typed, text=True, check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip

    @contextlib.contextmanager
    def serve(self) -> Iterator[int]:
        """Run `flask serve`; gives the process id of the whole."""
        with running(
            [sys.executable, "-m", "flask", "serve"], self.environment, f"{self.url}/healthz"
        ) as process:
            yield process.pid

    @contextlib.contextmanager
    def serve_bare(self) -> Iterator[str]:
        """Run the bare Flask route under the same server with the same settings; gives its URL."""
        port = free_port()
        workers = self.app.extensions["settings"].workers
        command = [
            sys.executable, "-m", "gunicorn", "--config", CONF,
            "--bind", f"127.0.0.1:{port}", "--workers", str(workers), "tests.bench.bare:app",
        ]  # fmt: skip
        url = f"http://127.0.0.1:{port}/hello"
        with running(command, self.environment, url):
            yield url

    def count(self, table: str) -> int:
        """Count the rows of a table."""
        with self.app.app_context(), db.engine.connect() as connection:
            found: int = connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
        with self.app.app_context():
            db.engine.dispose()
        return found

    def take_in_spool(self) -> int:
        """Serve until nothing waits in the spool, as a new start does; tell how many waited."""
        spool = Spool(self.folder / "spool")
        waiting = spool.waiting().records
        deadline = time.monotonic() + SPOOL_SECONDS
        with self.serve():
            while spool.is_in_use():
                if time.monotonic() > deadline:
                    raise SystemExit(f"{spool.waiting().records} of {waiting} stay in the spool")
                time.sleep(0.1)
        return waiting

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def running(
    command: list[str], environment: dict[str, str], probe: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block is left; wait until `probe` answers."""
    log = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the server)
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(probe, timeout=2).close()  # noqa: S310
            break
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                log.seek(0)
                raise SystemExit(f"server did not start:\n{log.read().decode()[-3000:]}") from None
            time.sleep(0.1)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def web_processes(supervisor: int) -> list[int]:
    """List the gunicorn workers below a process."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            fields = stat.read_text().rpartition(")")[2].split()
            found.append((int(stat.parent.name), int(fields[1])))
    parents = dict(found)
    gunicorns = [pid for pid in parents if "gunicorn" in _command(pid)]
    return [
        pid
        for pid in gunicorns
        if parents[pid] in gunicorns and _is_below(pid, supervisor, parents)
    ]


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    return ""


def _is_below(pid: int, ancestor: int, parents: dict[int, int]) -> bool:
    while pid in parents:
        if pid == ancestor:
            return True
        pid = parents[pid]
    return False


def memory_kb(pid: int) -> int:
    """The proportional memory of a process in KiB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0
