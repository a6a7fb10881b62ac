"""`flask worker` on its own: it says what it lacks, in a line, and works when that is there."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from crm_app.health import migrations
from crm_app.serving.processes import valkey
from tests.patience import wait_until
from tests.serving.running import environment, flask
from tests.serving.test_refusals import database_at

pytestmark = pytest.mark.processes
WAIT_SECONDS = 30
OLDEST = migrations.revisions()[0]


class Worker:
    """A running `flask worker` of its own."""

    def __init__(self, data_dir: Path) -> None:
        self._output = data_dir.parent / "worker.log"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flask", "worker"],
                env=environment(data_dir, LOG_FORMAT="json"),
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def lines(self) -> list[str]:
        """What it has written."""
        return self._output.read_text(encoding="utf-8").splitlines()

    def wait_for(self, text: str, times: int = 1) -> None:
        """Wait until a text was written so many times."""
        wait_until(
            lambda: sum(text in line for line in self.lines) >= times,
            lambda: self.lines, seconds=WAIT_SECONDS, process=self.process,
        )  # fmt: skip

    def stop(self) -> int:
        """Ask it to end, and give its code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WAIT_SECONDS)


@contextmanager
def bus_in(data_dir: Path) -> Iterator[None]:
    """Serve an event bus where that of an office would be."""
    (data_dir / "run").mkdir(exist_ok=True)
    path = data_dir / "run" / "valkey.sock"
    process = subprocess.Popen(valkey.command(path, data_dir / "run"))
    valkey.wait_until_ready(path, data_dir / "run" / valkey.LOG_NAME)
    yield
    process.kill()
    process.wait(WAIT_SECONDS)


def test_it_says_once_that_the_bus_is_away_and_once_that_it_is_back(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    assert flask(data_dir, "db", "upgrade").returncode == 0
    worker = Worker(data_dir)
    worker.wait_for("bus_lost")
    assert len(worker.lines) == 1, worker.lines
    assert "start `flask serve` on the same DATA_DIR" in worker.lines[0]
    assert str(data_dir / "run" / "valkey.sock") in worker.lines[0]
    # Long enough for its threads to try in vain some times more.
    time.sleep(2)
    with bus_in(data_dir):
        worker.wait_for("bus_back")
    worker.wait_for("bus_lost", 2)
    time.sleep(2)
    # It has read the database by now; mapped, all of it would count as its memory in the end.
    mapped = Path(f"/proc/{worker.process.pid}/maps").read_text().splitlines()
    assert not [line for line in mapped if line.endswith("/ramal.db")]
    assert worker.stop() == 0
    told = [line for line in worker.lines if '"bus_lost"' in line or '"bus_back"' in line]
    assert len(told) == 3
    # A message that a job had for the screens at that moment says for itself that it is lost.
    assert [line for line in worker.lines if "live_messages" not in line] == told


@pytest.mark.parametrize(
    ("revision", "words"),
    [
        ("from_the_future", "the tables are newer than this code: install the newer Ramal"),
        (OLDEST, "the tables are older than this code: run `flask db upgrade`"),
        ("", "the tables do not exist: run `flask db upgrade`"),
    ],
)
def test_it_refuses_tables_that_do_not_fit(tmp_path: Path, revision: str, words: str) -> None:
    if revision:
        database_at(tmp_path / "data", revision)
    answer = flask(tmp_path / "data", "worker")
    assert answer.returncode == 1
    assert answer.stderr.splitlines() == [f"Error: DATABASE_URL: {words}."]


def test_it_waits_for_a_database_that_is_away(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "ramal.db").mkdir()
    worker = Worker(tmp_path / "data")
    worker.wait_for("database_away")
    worker.wait_for("bus_lost")
    assert worker.stop() == 0
