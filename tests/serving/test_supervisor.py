"""The start of the event bus is neither waited for in vain nor against anybody's will."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from crm_app import config
from crm_app.errors import RamalError
from crm_app.serving.processes import checks, signals, valkey
from crm_app.serving.processes.supervisor import Supervisor

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    """A supervisor that has started nothing yet and hears the signals of this process."""
    before = {number: signal.getsignal(number) for number in NUMBERS}
    settings = config.load(_env_file=None, data_dir=tmp_path)
    checks.prepare_private_folder(tmp_path / "run")
    lock = checks.lock_folder(tmp_path / "run")
    with socket.socket() as listener:
        supervisor = Supervisor(settings, listener, lock)
        supervisor.catch_signals()
        yield supervisor
        supervisor.end()
    os.close(lock)
    for number, handler in before.items():
        signal.signal(number, handler)


def bus_that_does(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let something else start where the event bus would."""
    command = [sys.executable, "-c", code]
    monkeypatch.setattr(valkey, "command", lambda _path, _folder: command)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_while_the_bus_starts(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    bus_that_does(monkeypatch, "import time; time.sleep(60)")
    threading.Timer(0.3, os.kill, (os.getpid(), number)).start()
    began = time.monotonic()
    assert not supervisor.start_bus()
    supervisor.end()
    assert time.monotonic() - began < valkey.READY_SECONDS / 2


def test_it_does_not_wait_for_a_bus_that_has_died(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bus_that_does(monkeypatch, "raise SystemExit(3)")
    began = time.monotonic()
    with pytest.raises(RamalError) as refused:
        supervisor.start_bus()
    assert time.monotonic() - began < valkey.READY_SECONDS / 2
    assert str(tmp_path / "valkey" / valkey.LOG_NAME) in str(refused.value)


def test_it_starts_a_bus_that_answers(supervisor: Supervisor) -> None:
    assert supervisor.start_bus()


def test_it_keeps_ignoring_a_closed_terminal_when_it_was_started_so(
    supervisor: Supervisor,
) -> None:
    heard: list[int] = []
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signals.when_asked_to_end(lambda number, _frame: heard.append(number))
    for number in NUMBERS:
        signal.raise_signal(number)
    assert heard == [signal.SIGINT, signal.SIGTERM]
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signals.when_asked_to_end(lambda number, _frame: heard.append(number))
    signal.raise_signal(signal.SIGHUP)
    assert heard[-1] == signal.SIGHUP
