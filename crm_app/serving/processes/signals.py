"""The signals that end our processes: Ctrl-C, SIGTERM and a closed terminal."""

import signal
from collections.abc import Callable
from types import FrameType

Handler = Callable[[int, FrameType | None], None]


def when_asked_to_end(handler: Handler) -> None:
    """Call a handler when a signal asks this process to end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # `nohup` starts a program with SIGHUP ignored, and it must stay ignored.
        if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
            continue
        signal.signal(number, handler)
