"""Waits for what other threads and processes do, in one way."""

import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Found = TypeVar("Found")


def wait_until(
    find: Callable[[], Found],
    otherwise: str | Callable[[], object],
    *,
    seconds: float = 30,
    process: "subprocess.Popen[bytes] | None" = None,
) -> Found:
    """Look again and again until something is there, and give it.

    Raises AssertionError with what `otherwise` says after so many seconds, or as soon as the
    process that it depends on has ended. OSError counts as nothing found: nobody answers yet.
    """
    deadline = time.monotonic() + seconds
    while True:
        error: OSError | None = None
        try:
            if found := find():
                return found
        except OSError as nobody:
            error = nobody
        has_ended = process is not None and process.poll() is not None
        if has_ended or time.monotonic() > deadline:
            said = otherwise() if callable(otherwise) else otherwise
            raise AssertionError(f"{'ended' if has_ended else 'waited in vain'}: {said}") from error
        time.sleep(0.02)


def wait_for_page(
    url: str,
    otherwise: str | Callable[[], object],
    *,
    seconds: float,
    process: "subprocess.Popen[bytes]",
) -> None:
    """Wait until the server that a process runs gives a page."""

    def comes() -> bool:
        urllib.request.urlopen(url, timeout=5).close()  # noqa: S310
        return True

    wait_until(comes, otherwise, seconds=seconds, process=process)


def is_listening(path: Path) -> bool:
    """Say whether somebody listens on a socket of this machine."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
