"""A real `flask serve` for one test: started on a free port, watched, ended."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.patience import wait_until

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 90


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    """The environment of a fresh machine: no setting but those given."""
    return {
        "PATH": os.environ["PATH"],  # noqa: TID251
        "HOME": str(data_dir.parent),
        "FLASK_APP": "crm_app.cli:create_app",
        "FLASK_SKIP_DOTENV": "1",
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "DATA_DIR": str(data_dir),
        "BIND": "127.0.0.1:0",
        **settings,
    }


def flask(data_dir: Path, *command: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run one of our commands to its end."""
    return subprocess.run(
        [sys.executable, "-m", "flask", *command],
        env=environment(data_dir, **settings),
        cwd=tempfile.gettempdir(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


class Office:
    """A running `flask serve`; everything it started is dead when the block ends."""

    def __init__(self, data_dir: Path, *options: str, **settings: str) -> None:
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        self.data_dir = data_dir
        self._output = data_dir.parent / f"{data_dir.name}.log"
        self._file = self._output.open("ab")
        self._read_from = self._output.stat().st_size
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flask", "serve", *options],
            env=environment(data_dir, **settings),
            cwd=data_dir.parent,
            stdout=self._file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._seen: set[int] = set()
        self.port = 0

    def __enter__(self) -> "Office":
        self.port = int(self.wait_for(r"(?:answers|listens) on http://127\.0\.0\.1:(\d+)"))
        self.wait_until_ready()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill_everything()

    @property
    def output(self) -> str:
        """What it has printed since this start."""
        return self._output.read_bytes()[self._read_from :].decode(errors="replace")

    def wait_for(self, pattern: str, seconds: float = START_SECONDS) -> str:
        """Wait until it prints something; give the first group."""
        found = wait_until(
            lambda: re.search(pattern, self.output),
            lambda: f"no {pattern!r} in:\n{self.output}", seconds=seconds, process=self.process,
        )  # fmt: skip
        assert found is not None
        return found[1] if found.groups() else found[0]

    def get(self, path: str) -> tuple[int, str]:
        """Ask for a page; status 0 when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def wait_until_ready(self, seconds: float = START_SECONDS) -> None:
        """Wait until everything that an office needs is there."""
        wait_until(
            lambda: self.get("/readyz")[0] == 200,
            lambda: f"{self.get('/readyz')[1]}\n{self.output}", seconds=seconds,
        )  # fmt: skip

    def children(self) -> dict[int, str]:
        """All processes below it: id and command."""
        found = descendants(self.process.pid)
        self._seen.update(found)
        return found

    def child(self, part: str) -> int:
        """The id of the direct child whose command holds a text."""
        mine = [
            pid
            for pid, command in self.children().items()
            if part in command and parent_of(pid) == self.process.pid
        ]
        assert len(mine) == 1, (part, self.children())
        return mine[0]

    def web_processes(self) -> set[int]:
        """The ids of gunicorn and of all the processes that it has started."""
        return {pid for pid, command in self.children().items() if "gunicorn" in command}

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Ask it to end; give the seconds until it had."""
        self.children()
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(30)
        return time.monotonic() - began

    def survivors(self) -> set[int]:
        """Those of all processes it ever had that still run."""
        return {pid for pid in self._seen if is_running(pid)}

    def kill_everything(self) -> None:
        """Pull the plug: every process at once, none can tidy up."""
        for pid in [self.process.pid, *self.children()]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait(60)
        self._file.close()
        wait_until(lambda: not self.survivors(), lambda: f"{self.survivors()} survive", seconds=10)

    def ready(self) -> dict[str, Any]:
        """What /readyz says."""
        checks: dict[str, Any] = json.loads(self.get("/readyz")[1])["checks"]
        return checks


def descendants(root: int) -> dict[int, str]:
    """All processes below one, with their commands, from the system's own list."""
    parents = {pid: parent_of(pid) for pid in _all_processes()}
    below: set[int] = set()
    wanted = {root}
    while wanted:
        wanted = {pid for pid, parent in parents.items() if parent in wanted} - below
        below |= wanted
    return {pid: _command(pid) for pid in below}


def parent_of(pid: int) -> int:
    """The id of a process's parent, 0 when it has ended."""
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def is_running(pid: int) -> bool:
    """Tell whether a process exists and is no zombie."""
    fields = _stat(pid)
    return bool(fields) and fields[0] not in {"Z", "X"}


def _all_processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
