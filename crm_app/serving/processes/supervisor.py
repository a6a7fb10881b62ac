"""Runs web, worker and event bus as child processes, and ends them together."""

import http.client
import socket
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType, MappingProxyType

import structlog

from crm_app.config import Config, child_environment
from crm_app.errors import RamalError
from crm_app.serving.processes import checks, signals, valkey
from crm_app.serving.processes.children import PAUSES, ROOT, Child

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.1
# Together less than the ten seconds that service managers and containers allow.
END_SECONDS = 6.0
BUS_END_SECONDS = 2.0
WEB_READY_SECONDS = 90.0
SPARE_FILES = 256
MOST_CONNECTIONS = 20_000


class Supervisor:
    """The children in the order they start; they end in the opposite order."""

    def __init__(self, settings: Config, listener: socket.socket, lock: int) -> None:
        """Prepare to serve on a bound socket; `lock` is the descriptor all children inherit."""
        self._settings = settings
        self._listener = listener
        self._environment = child_environment(settings)
        self._lock = lock
        self._children: list[Child] = []
        self._signals = 0

    def catch_signals(self) -> None:
        """From now on Ctrl-C, SIGTERM and a closed terminal end everything in order."""
        signals.when_asked_to_end(self._note_signal)

    def start_bus(self) -> bool:
        """Start the embedded event bus and wait until it answers; False when asked to end first.

        Raises RamalError when it ends or does not answer.
        """
        path = self._settings.bus_socket
        folder = self._settings.data_dir / "valkey"
        for private in (folder, path.parent):
            checks.prepare_private_folder(private)
        log_file = folder / valkey.LOG_NAME
        bus = self._start("event bus", valkey.command(path, folder), log_file=log_file)

        def is_wanted() -> bool:
            if not bus.pid and not self._signals:
                raise RamalError(f"the embedded event bus ended at once; {bus.reason}")
            return not self._signals

        return valkey.wait_until_ready(path, log_file, is_wanted)

    def start_web(self, connections: int) -> None:
        """Start the web processes on our bound socket."""
        descriptor = self._listener.fileno()
        self._start(
            "web",
            [
                sys.executable, "-m", "gunicorn",
                "--config", str(ROOT / "crm_app" / "serving" / "processes" / "gunicorn_conf.py"),
                "--bind", f"fd://{descriptor}",
                "--workers", str(self._settings.workers),
                "--worker-connections", str(connections),
            ],
            descriptor,
        )  # fmt: skip

    def start_flask(self, name: str, *command: str) -> None:
        """Start one of our own commands as a child."""
        self._start(name, [sys.executable, "-m", "flask", *command])

    def start_module(self, name: str, module: str, *arguments: str, **secrets: str) -> None:
        """Start a Python module as a child; `secrets` are variables that only it can read."""
        self._start(name, [sys.executable, "-m", module, *arguments], secrets=secrets)

    def wait_for_web(self) -> bool:
        """Wait for the first response; False when asked to end first."""
        deadline = time.monotonic() + WEB_READY_SECONDS
        while not _answers(self._settings.bind):
            self._look_after_children()
            if self._signals:
                return False
            if time.monotonic() > deadline:
                raise RamalError("the web process does not answer; its reason is above")
            time.sleep(LOOK_SECONDS)
        return True

    def run(self) -> None:
        """Look after the children until a signal comes.

        Raises RamalError when one of them keeps dying.
        """
        while not self._signals:
            self._look_after_children()
            time.sleep(LOOK_SECONDS)

    def end(self) -> None:
        """End all children: web and worker first, the event bus last."""
        buses = [child for child in self._children if child.name == "event bus"]
        others = [child for child in self._children if child not in buses]
        self._end(others, END_SECONDS)
        self._end(buses, BUS_END_SECONDS)

    def _start(
        self,
        name: str,
        command: list[str],
        *descriptors: int,
        log_file: Path | None = None,
        secrets: Mapping[str, str] = MappingProxyType({}),
    ) -> Child:
        held = (self._lock, *descriptors)
        child = Child(name, command, {**self._environment, **secrets}, held, log_file)
        self._children.append(child)
        child.start()
        return child

    def _look_after_children(self) -> None:
        for child in self._children:
            if not child.look_after():
                raise RamalError(
                    f"{child.name} died {len(PAUSES) + 1} times in a row, so everything was "
                    f"stopped; {child.reason}."
                )

    def _end(self, children: list[Child], seconds: float) -> None:
        for child in children:
            child.ask_to_end()
        heard = self._signals
        deadline = time.monotonic() + seconds
        for child in children:
            while not child.wait(LOOK_SECONDS):
                # A second Ctrl-C means that the operator does not want to wait.
                if time.monotonic() > deadline or self._signals > max(heard, 1):
                    log.warning("child_killed", child=child.name)
                    break
            child.kill()

    def _note_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1


def connections_for(files: int) -> int:
    """Return how many connections each web process may hold with this file limit."""
    return max(64, min(MOST_CONNECTIONS, files - SPARE_FILES))


def while_running(supervisor: Supervisor, start: Callable[[], None]) -> None:
    """Start, serve until a signal comes, and always end the children."""
    try:
        start()
        supervisor.run()
    finally:
        supervisor.end()


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    host = {"0.0.0.0": "127.0.0.1", "[::]": "::1"}.get(host, host.strip("[]"))  # noqa: S104
    connection = http.client.HTTPConnection(host, int(port), timeout=2.0)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
