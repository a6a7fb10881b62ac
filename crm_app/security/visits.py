"""An id for each request: on every line of its log, in its events, and in its answer."""

import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HEADER = "X-Request-Id"
_KEY = "ramal.request_id"
# Letters only: what has many digits is masked in the log, because it could be a phone number.
_LETTERS = str.maketrans("0123456789", "ghijkmnpqr")


class Visits:
    """Gives each request its id; one that was sent to us is not believed."""

    def __init__(self, inside: "WSGIApplication") -> None:
        self._inside = inside

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Serve one request."""
        name = environ[_KEY] = secrets.token_hex(6).translate(_LETTERS)
        # What served this thread before may have left its own.
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request=name)

        def start(status: str, headers: list[tuple[str, str]], *extra: Any) -> Any:
            return start_response(status, [*headers, (HEADER, name)], *extra)

        return self._inside(environ, start)


def request_id_of(environ: "WSGIEnvironment") -> str:
    """Return the id of a request, "" when it came in by another way."""
    return str(environ.get(_KEY, ""))
