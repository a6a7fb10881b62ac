"""Reads the addresses among the settings; what makes no sense raises ValueError with the reason."""

import re
from urllib.parse import SplitResult, urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

DEFAULT_PORTS = {"http": 80, "https": 443}
LARGEST_PORT = 65535
HOST = re.compile(r"[\w.\-]+|[0-9a-f:.]+")
# Never with the value: an unescaped password may look like a port.
UNREADABLE = (
    f"must be an address whose port, if any, is a number up to {LARGEST_PORT}; "
    "in a password, / : @ are written %2F %3A %40"
)


def web(value: str) -> str:
    """Read the address of a web server, without the port that is usual and a slash at the end."""
    if not value:
        return value
    parts = _parts(value)
    if parts.scheme not in {"http", "https"} or not HOST.fullmatch(parts.hostname or ""):
        raise ValueError("must begin with http:// or https:// and name a host")
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError("must be http:// or https://, a host and perhaps a path, nothing else")
    # Browsers omit the default port from an origin, with which passkeys compare it.
    usual = f":{DEFAULT_PORTS[parts.scheme]}"
    return parts._replace(netloc=parts.netloc.removesuffix(usual)).geturl().rstrip("/")


def database(value: str) -> str:
    """Read the address of a database."""
    if not value:
        return value
    scheme, _, rest = value.partition("://")
    if scheme in {"postgres", "postgresql", "postgresql+psycopg"}:
        value = f"postgresql+psycopg://{rest}"
    elif scheme != "sqlite":
        raise ValueError("must begin with sqlite:/// or postgresql://")
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        raise ValueError(UNREADABLE) from None
    if url.port is not None and url.port > LARGEST_PORT:
        raise ValueError(UNREADABLE)
    in_memory = ":memory:" in (url.database or ":memory:") or url.query.get("mode") == "memory"
    # Web and worker are separate processes, and each would have its own in-memory database.
    if scheme == "sqlite" and in_memory:
        raise ValueError("must name a file, for example sqlite:////var/lib/ramal/ramal.db")
    return value


def bus(value: str) -> str:
    """Read the address of a Valkey or Redis."""
    if not value:
        return value
    parts = _parts(value)
    if parts.scheme == "unix" and (parts.hostname or not parts.path):
        raise ValueError("must name a socket by its whole path, as unix:///run/valkey.sock")
    if parts.scheme in {"redis", "rediss"} and not re.fullmatch(r"/?\d*", parts.path):
        raise ValueError("must end with the number of a database, as redis://host:6379/0")
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("must begin with redis://, rediss:// or unix://")
    return value


def recordings(value: str) -> str:
    """Read where the files of recordings are kept."""
    if not value:
        return value
    parts = _parts(value)
    if parts.scheme == "file" and not parts.netloc and len(parts.path) > 1:
        return value
    if parts.scheme != "s3" or not parts.netloc:
        raise ValueError(
            "must be a folder, as file:///var/lib/ramal/recordings, or s3://bucket/folder"
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(
            "must be s3://, a bucket and perhaps a folder; the keys are in AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY"
        )
    return value


def _parts(value: str) -> SplitResult:
    if re.search(r"\s", value):
        raise ValueError("must not contain spaces")
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        raise ValueError(UNREADABLE) from None
    return parts
