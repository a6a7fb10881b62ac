"""One child process of `flask serve`: started, watched, restarted, ended."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

ROOT = Path(__file__).resolve().parents[3]
PAUSES = (0.2, 1.0, 2.0, 4.0, 8.0)
# A child that ran this long was healthy: its next death counts as the first again.
GOOD_LIFE_SECONDS = 60.0
_PR_SET_PDEATHSIG = 1


class Child:
    """A process that is started again when it dies, after a pause that grows."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        descriptors: Sequence[int] = (),
        log_file: Path | None = None,
    ) -> None:
        """Prepare; `descriptors` are the open files that the child inherits.

        `log_file` takes its error output, if it should not go to ours.
        """
        self.name = name
        self._log_file = log_file
        self._command = list(command)
        self._environment = dict(environment)
        self._descriptors = tuple(descriptors)
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._deaths = 0
        self._again_at = 0.0

    @property
    def reason(self) -> str:
        """Say where to read why it exited."""
        return f"its reason is in {self._log_file}" if self._log_file else "its reason is above"

    @property
    def pid(self) -> int:
        """Return the process id, 0 while it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else 0

    def start(self) -> None:
        """Start it, in a session of its own, so that Ctrl-C reaches only the supervisor."""
        self._process = subprocess.Popen(  # noqa: S603 (the commands are ours)
            self._command,
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            pass_fds=self._descriptors,
            start_new_session=True,
            preexec_fn=_end_with_parent(os.getpid()),
        )
        self._started_at = time.monotonic()

    def look_after(self) -> bool:
        """Notice a death, and restart when the pause is over.

        False once it has died more often than there are pauses.
        """
        if self.pid:
            return True
        if not self._again_at:
            return self._plan_restart()
        if time.monotonic() >= self._again_at:
            self._again_at = 0.0
            self.start()
        return True

    def ask_to_end(self) -> None:
        """Ask it to finish its work and exit."""
        if self.pid and self._process:
            self._process.terminate()

    def wait(self, seconds: float) -> bool:
        """Wait for its end; returns whether it came."""
        if self._process is None:
            return True
        try:
            self._process.wait(max(seconds, 0.01))
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """End it and all its own children at once."""
        if self._process is None:
            return
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self._process.wait()

    def _plan_restart(self) -> bool:
        if time.monotonic() - self._started_at > GOOD_LIFE_SECONDS:
            self._deaths = 0
        code = self._process.returncode if self._process else None
        if self._deaths == len(PAUSES):
            return False
        pause = PAUSES[self._deaths]
        self._deaths += 1
        self._again_at = time.monotonic() + pause
        # Grandchildren, such as the processes that gunicorn starts, must not outlive it.
        self.kill()
        log.warning(
            "child_died", child=self.name, code=code, restart_in_seconds=pause, why=self.reason
        )
        return True


def _end_with_parent(parent: int) -> Callable[[], None] | None:
    """Make the function to run before exec: Linux then ends the child when the parent dies."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def between_fork_and_exec() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return between_fork_and_exec
