"""The outermost layer: which proxies are trusted to name the sender, and which hosts we serve."""

import ipaddress
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import structlog
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response

from crm_app.config import Config
from crm_app.proxies import plain_address

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = structlog.get_logger(__name__)

FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST")
# Load balancers request these by IP address, and their responses hold no link.
HEALTH = frozenset({"/healthz", "/readyz", "/metrics"})
# Signed by the PBX, and the responses hold no link: a proxy that sends another Host must not cost
# calls.
WEBHOOK = "/zadarma"
HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^\s:/@\[\]]+)(?::\d{1,5})?", re.IGNORECASE)
MOST_REMEMBERED = 50


class ProxyAndHost:
    """Takes the sender from a proxy's headers, if it is a proxy, and refuses foreign hosts."""

    def __init__(self, inside: "WSGIApplication", settings: Config) -> None:
        """Wrap an application."""
        self._inside = inside
        self._proxies = settings.trusted_proxies
        count = self._proxies.count
        # PUBLIC_URL gives the host and the mount point, so no header is needed for them.
        hosts = 0 if settings.public_url else count
        self._behind_proxy = ProxyFix(self._cleaned, x_for=count, x_proto=count, x_host=hosts)
        self._hosts = settings.own_hosts
        self._takes_private = settings.listens_everywhere
        self._said: set[str] = set()

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Serve one request."""
        if not self._proxies.count or not self._proxies.has(environ.get("REMOTE_ADDR", "")):
            return self._for_our_host(environ, start_response)
        if any('"' in environ.get(name, "") for name in FORWARDED):
            # A client could open a quote and so hide what the proxies append.
            for name in FORWARDED:
                environ.pop(name, None)
            environ["REMOTE_ADDR"] = "unreadable"
            return self._cleaned(environ, start_response)
        return self._behind_proxy(environ, start_response)

    def _cleaned(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        sender = environ.get("REMOTE_ADDR", "")
        if sender and plain_address(sender) is None:
            # An address with a zone, a port or quotes is in no network and no known guesser.
            self._say_once("sender_unreadable", "x-forwarded-for", sender)
            environ["REMOTE_ADDR"] = ""
        if environ.get("wsgi.url_scheme") not in {"http", "https"}:
            environ["wsgi.url_scheme"] = "http"
        return self._for_our_host(environ, start_response)

    def _for_our_host(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        is_open = path in HEALTH or path == WEBHOOK or path.startswith(f"{WEBHOOK}/")
        if is_open or self._is_ours(environ.get("HTTP_HOST", "")):
            return self._inside(environ, start_response)
        self._say_once("host_refused", "host", environ.get("HTTP_HOST", ""))
        answer = Response(b"This host is not served here.\n", 400, mimetype="text/plain")
        return answer(environ, start_response)

    def _is_ours(self, host: str) -> bool:
        match = HOST.fullmatch(host)
        if match is None:
            return False
        name = match["name"].rstrip(".").lower()
        if not self._hosts or name in self._hosts:
            return True
        return self._takes_private and _is_private(name)

    def _say_once(self, event: str, header: str, value: str) -> None:
        if value in self._said or len(self._said) >= MOST_REMEMBERED:
            return
        self._said.add(value)
        log.warning(event, header=header, value=value[:100], what_to_do="see docs/operate.md")


def _is_private(name: str) -> bool:
    try:
        return ipaddress.ip_address(name.strip("[]")).is_private
    except ValueError:
        return False
