"""The file that keeps the secret key: the first line is in use, further lines are older keys."""

import os
import secrets
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from crm_app.errors import ConfigError

KEY_LENGTH = 32
_made_here: set[Path] = set()


def read_or_make(path: Path) -> tuple[str, ...]:
    """Return the keys of the file, the newest first; a missing file is created with one.

    Raises ConfigError when it cannot be read or written, or a key in it is too short.
    """
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _put(path, [new_key()], replaces=False)
            _made_here.add(path)
        keys = lines_of(path)
    except (OSError, UnicodeError) as error:
        raise ConfigError(_why_not(path, error)) from error
    if not keys or min(map(len, keys)) < KEY_LENGTH:
        raise ConfigError(
            f"SECRET_KEY: the key in {path} has fewer than {KEY_LENGTH} characters. Put the old "
            "one back; or delete the file and run `flask secret-key adopt`: then everybody signs "
            "in again, and what was encrypted, such as the PBX's keys, must be entered again."
        )
    return keys


def lines_of(path: Path) -> tuple[str, ...]:
    """Return the lines of a file that are not empty; raises OSError or UnicodeError."""
    lines = path.read_text(encoding="ascii").splitlines()
    return tuple(line.strip() for line in lines if line.strip())


def replace(path: Path, keys: Sequence[str]) -> None:
    """Replace the keys in the file atomically; raises ConfigError."""
    try:
        _put(path, keys, replaces=True)
    except OSError as error:
        raise ConfigError(_why_not(path, error)) from error


def was_made_here(path: Path) -> bool:
    """Whether this process made the key of the file, because there was none."""
    return path in _made_here


def take_back(path: Path) -> None:
    """Remove the key that this process made, so that the next start finds none either."""
    if path in _made_here:
        path.unlink(missing_ok=True)


def new_key() -> str:
    """Make a random key."""
    return secrets.token_urlsafe(48)


def _put(path: Path, keys: Sequence[str], *, replaces: bool) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".secret_key-")
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            file.write("\n".join(keys))
            file.flush()
            os.fsync(descriptor)
        if replaces:
            os.rename(name, path)
        else:
            # Unlike a rename, a link never replaces an existing file.
            with suppress(FileExistsError):
                os.link(name, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)


def _why_not(path: Path, error: OSError | UnicodeError) -> str:
    return (
        f"DATA_DIR: cannot keep the secret key in {path} "
        f"({getattr(error, 'strerror', 'it holds no text')}). "
        "Make the folder writable, or name another one in DATA_DIR."
    )
