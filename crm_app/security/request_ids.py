"""An id for each request: in its log lines, its security events, and its response."""

import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HEADER = "X-Request-Id"
_KEY = "ramal.request_id"
# Letters only: the log masks long digit sequences, because they could be phone numbers.
_LETTERS = str.maketrans("0123456789", "ghijkmnpqr")


class RequestIds:
    """Gives each request its id; an id sent by the client is ignored."""

    def __init__(self, inside: "WSGIApplication") -> None:
        self._inside = inside

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Serve one request."""
        name = environ[_KEY] = secrets.token_hex(6).translate(_LETTERS)
        # The previous request of this thread may have left its context.
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request=name)

        def start(status: str, headers: list[tuple[str, str]], *extra: Any) -> Any:
            return start_response(status, [*headers, (HEADER, name)], *extra)

        return self._inside(environ, start)


def request_id_of(environ: "WSGIEnvironment") -> str:
    """Return the id of a request, "" when it did not pass through `RequestIds`."""
    return str(environ.get(_KEY, ""))
