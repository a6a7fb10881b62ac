"""How a running office ends: within seconds when it is told to, and not with its terminal."""

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.serving.administrator import become_administrator
from tests.serving.running import Office

pytestmark = pytest.mark.processes


@contextmanager
def hang_ups(handler: signal.Handlers) -> Iterator[None]:
    """Start programs with SIGHUP as a terminal (SIG_DFL) or `nohup` (SIG_IGN) leaves it."""
    before = signal.signal(signal.SIGHUP, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_ends_everything_within_seconds_also_open_streams(tmp_path: Path, number: int) -> None:
    # The tests themselves may have been started by `nohup`.
    with hang_ups(signal.SIG_DFL), Office(tmp_path / "data") as office:
        link = office.wait_for(r"(http://\S+/setup/\S+)")
        browser = become_administrator(office, link)
        streams = [
            browser.get(
                f"http://127.0.0.1:{office.port}/live",
                headers={"Accept": "text/event-stream"},
                stream=True,
                timeout=20,
            )
            for _ in range(3)
        ]
        assert [stream.status_code for stream in streams] == [200] * 3
        assert len(office.children()) >= 4
        office.stop(number)
        assert office.process.returncode == 0, office.output
        # What waits for its open streams is killed after six seconds; on a slow machine these may
        # be too few for a worker, which has none.
        assert not re.search(r"child_killed.*child=web", office.output)
        assert not office.survivors()
        for stream in streams:
            stream.close()


def test_it_outlives_a_closed_terminal_when_it_was_started_by_nohup(tmp_path: Path) -> None:
    with hang_ups(signal.SIG_IGN), Office(tmp_path / "data") as office:
        office.process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            office.process.wait(1)
        assert office.get("/healthz")[0] == 200
        office.stop(signal.SIGTERM)
        assert office.process.returncode == 0, office.output
