"""Checks before anything is started; each refusal says what to do."""

import errno
import fcntl
import os
import resource
import socket
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from crm_app.config import Config
from crm_app.errors import ConfigError

WANTED_FILES = 8192
PREVIOUS_END_SECONDS = 15.0
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def prepare_folder(folder: Path) -> None:
    """Make the data folder, for its owner only, and prove that it can be written.

    An existing folder is made private, and so are files that an earlier release left readable in
    it. Raises ConfigError.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _close_to_others(folder)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigError(
            f"DATA_DIR: cannot write in {folder} ({error.strerror}). "
            "Make the folder writable, or name another one in DATA_DIR."
        ) from error


def _close_to_others(folder: Path) -> None:
    status = folder.stat()
    if status.st_uid != os.getuid() or status.st_mode & stat.S_ISVTX:
        # Not ours to change: another user owns it, or it is shared on purpose, like /tmp.
        return
    if status.st_mode & OTHERS:
        folder.chmod(stat.S_IMODE(status.st_mode) & ~OTHERS)
    for path in (*folder.glob("ramal.db*"), folder / "secret_key"):
        with suppress(FileNotFoundError):
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode) and mode & OTHERS:
                path.chmod(stat.S_IMODE(mode) & ~OTHERS)


def prepare_private_folder(folder: Path) -> None:
    """Make a folder that only we can enter; raises ConfigError when it is somebody else's."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
        if folder.is_symlink() or status.st_uid != os.getuid():
            raise ConfigError(f"{folder} belongs to somebody else. Remove it, then start again.")
        folder.chmod(0o700)
    except OSError as error:
        raise ConfigError(f"cannot make the folder {folder} ({error.strerror}).") from error


def keep_files_private() -> None:
    """Let only our own user read what this process and its children will write."""
    os.umask(0o077)


def lock_folder(folder: Path) -> int:
    """Reserve the data folder for this supervisor and its children; raises ConfigError.

    Returns the descriptor that holds the lock. The children inherit it, so after a supervisor was
    killed the next one waits until its children have ended too.
    """
    path = folder / "serve.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + PREVIOUS_END_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError as error:
            owner = _read_owner(descriptor)
            if _is_running(owner) or time.monotonic() > deadline:
                os.close(descriptor)
                raise ConfigError(
                    f"Ramal is already running on {folder.parent} (process {owner}). "
                    "Stop it first, or name another folder in DATA_DIR."
                ) from error
            time.sleep(0.1)
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor


def bind(address: str) -> socket.socket:
    """Bind the address that the office will be served on; raises ConfigError.

    The supervisor keeps the socket, so that browsers wait instead of failing while the web process
    is restarted.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, int(port)))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise ConfigError(_why_not(error, host, int(port))) from error
    return listener


def raise_file_limit() -> int:
    """Allow as many open files as the system permits; returns how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (ValueError, OSError):
            # macOS reports "unlimited" and then refuses it: keep the current limit.
            return soft
    return soft


def real_address(settings: Config, listener: socket.socket) -> str:
    """Return the address with the port that the system chose when BIND asked for port 0."""
    host, _, _ = settings.bind.rpartition(":")
    return f"{host}:{listener.getsockname()[1]}"


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"BIND: port {port} is in use by another program. Stop that program, "
            f"or choose another port, for example BIND={host}:{port + 1 if port < 65535 else 8080}"
        )
    if error.errno == errno.EACCES:
        return f"BIND: port {port} needs more rights. Choose one above 1023, such as {host}:8000"
    return f"BIND: cannot listen on {host}:{port} ({error.strerror or error})."


def _read_owner(descriptor: int) -> int:
    text = os.pread(descriptor, 20, 0).decode("ascii", "ignore").strip()
    return int(text) if text.isdigit() else 0


def _is_running(pid: int) -> bool:
    if not pid:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
