"""Warnings about settings that are allowed but unwise, printed at start."""

from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from sqlalchemy.engine import make_url

from crm_app.config import Config
from crm_app.proxies import is_loopback

# The other modes send the password, or everything, unencrypted if the server asks for it.
ENCRYPTED_MODES = {"require", "verify-ca", "verify-full"}


def all_of(settings: Config) -> list[str]:
    """Return a sentence for each thing that an operator should know, without secrets."""
    return [*_of_bus(settings), *_of_database(settings), *_of_proxies(settings)]


def _of_bus(settings: Config) -> Iterator[str]:
    parts = urlsplit(settings.redis_url)
    host = parts.hostname or "localhost"
    if parts.scheme == "unix" or is_loopback(host):
        return
    missing = []
    if parts.scheme == "redis":
        missing.append("without TLS (rediss://)")
    if not parts.password and "password=" not in parts.query:
        missing.append("without a password")
    if missing:
        yield (
            f"REDIS_URL: the event bus on {host} is used {' and '.join(missing)}. Anybody who "
            "reaches it, or the network on the way, can read and forge the messages to screens."
        )


def _of_database(settings: Config) -> Iterator[str]:
    if settings.is_sqlite:
        return
    url = make_url(settings.sqlalchemy_url)
    named = [url.host or "", *_values(url.query, "host"), *_values(url.query, "hostaddr")]
    hosts = [host for text in named for host in text.split(",")]
    far = [host for host in hosts if host and host[0] not in "/@" and not is_loopback(_name(host))]
    mode = (_values(url.query, "sslmode") or ["prefer"])[-1]
    if far and mode not in ENCRYPTED_MODES:
        yield (
            f"DATABASE_URL: the database on {_name(far[0])} is used with sslmode={mode}, so "
            "clients' data may pass the network in plain text. Add ?sslmode=verify-full "
            "(or require) to the address."
        )


def _of_proxies(settings: Config) -> Iterator[str]:
    host = settings.bind.rpartition(":")[0]
    if settings.trusted_proxies.count and not is_loopback(host):
        networks = ", ".join(map(str, settings.trusted_proxies.networks))
        yield (
            f"TRUSTED_PROXIES: other machines reach {settings.bind} without passing the proxy. "
            f"Headers are believed from {networks} only; listen on the proxy's side alone, "
            "if you can."
        )


def _values(query: object, name: str) -> list[str]:
    found = dict(query).get(name, ())  # type: ignore[call-overload]
    return [unquote(found)] if isinstance(found, str) else list(found)


def _name(host: str) -> str:
    """Strip the port from a host in a list of several."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0] if host.count(":") == 1 else host
