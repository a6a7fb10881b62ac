"""The site that passkeys belong to: the host of PUBLIC_URL, over TLS or on this machine."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import current_app, request

from crm_app.config import Config


@dataclass(frozen=True, slots=True)
class Site:
    """The host that a passkey belongs to, and the origin that its answers must name."""

    host: str
    origin: str


def here() -> Site | None:
    """Return the site of this office; None where browsers make no passkeys.

    Without PUBLIC_URL the office's host is unknown, so only localhost is accepted.
    """
    settings: Config = current_app.extensions["settings"]
    parts = urlsplit(settings.public_url or request.host_url)
    host = parts.hostname or ""
    is_local = host == "localhost"
    is_named = parts.scheme == "https" and not host.replace(".", "").isdigit() and ":" not in host
    if not is_local and not (settings.public_url and is_named):
        return None
    return Site(host, f"{parts.scheme}://{parts.netloc}".lower())
