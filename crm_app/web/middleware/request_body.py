"""The body of a request is read first: whole, in time, within its size.

A body may arrive slowly or never end. Reading it inside a transaction would keep that open, and on
SQLite hold the only write lock. So bodies are read here and nowhere else, before any query; a slow
body then delays only its sender.
"""

import io
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import structlog
from flask import Flask, current_app, request, session
from flask import Request as FlaskRequest
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    RequestEntityTooLarge,
    RequestTimeout,
)
from werkzeug.formparser import FormDataParser
from werkzeug.wsgi import get_content_length

from crm_app import database

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

P = ParamSpec("P")
R = TypeVar("R")

# A long note with three UTF-8 bytes per letter, each byte as %XX, is a tenth of a megabyte.
PAGE_BYTES = 256 * 1024
MOST_FIELDS = 1_000
# How long a form may take altogether, and how long a file may pause.
SECONDS = 20.0
FILE_BYTES_PER_SECOND = 16 * 1024
PIECE = 64 * 1024
# The server parses chunks in Python: this many chunks of one byte take it some milliseconds.
CHUNKED_PIECE = 4 * 1024
IN_MEMORY_BYTES = 1024 * 1024
# Methods whose body is never read.
BARE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}
_KEY = "ramal.incoming"
log = structlog.get_logger(__name__)


def accepts_large_body(max_bytes: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a view for signed-in users accept an upload of up to `max_bytes`.

    The upload may pause for 20 seconds and must average 16 KB a second.
    """

    def mark(view: Callable[P, R]) -> Callable[P, R]:
        view.max_body_bytes = max_bytes  # type: ignore[attr-defined]
        return view

    return mark


def with_limits_of_its_own(view: Callable[P, R]) -> Callable[P, R]:
    """Mark a view that calls `receive` itself."""
    view.receives_by_itself = True  # type: ignore[attr-defined]
    return view


def receives_by_itself(view: Callable[..., Any] | None) -> bool:
    """Whether a view is marked as calling `receive` itself."""
    return getattr(view, "receives_by_itself", False)


class Request(FlaskRequest):
    """A request whose form has at most a thousand fields, in either encoding."""

    def make_form_data_parser(self) -> FormDataParser:
        """Return the parser that counts before it parses."""
        return _CountingParser(
            stream_factory=self._get_file_stream,
            max_form_memory_size=self.max_form_memory_size,
            max_content_length=self.max_content_length,
            max_form_parts=self.max_form_parts,
            cls=self.parameter_storage_class,
        )


class _CountingParser(FormDataParser):
    def _parse_urlencoded(
        self, stream: IO[bytes], mimetype: str, content_length: int | None, options: dict[str, str]
    ) -> tuple[IO[bytes], MultiDict[str, str], MultiDict[str, Any]]:
        # The library limits neither; a megabyte of "a&a&a" would block the whole process for
        # seconds. Files never use this encoding, so the limit of an ordinary page is enough for
        # every route.
        body = stream.read(PAGE_BYTES + 1)
        if len(body) > PAGE_BYTES or body.count(b"&") >= MOST_FIELDS:
            raise RequestEntityTooLarge
        return super()._parse_urlencoded(io.BytesIO(body), mimetype, content_length, options)


class Incoming:
    """The body of one request, on its way."""

    def __init__(self, environ: "WSGIEnvironment", seconds: float, bytes_per_second: float) -> None:
        """Take the body out of the environment, so that nothing else reads it."""
        self._environ = environ
        self._source: Any = environ["wsgi.input"]
        self._announced = get_content_length(environ)
        self._seconds = seconds
        self._pace = bytes_per_second
        self._whole: IO[bytes] | None = None
        environ["wsgi.input"] = io.BytesIO()
        environ["CONTENT_LENGTH"] = "0"
        environ.pop("HTTP_TRANSFER_ENCODING", None)

    def receive(self, max_bytes: int, *, is_file: bool = False) -> IO[bytes]:
        """Read all of it and return it, rewound; also put it into the environment.

        Raises RequestEntityTooLarge, RequestTimeout, or BadRequest when it broke off.
        """
        if self._announced is not None and self._announced > max_bytes:
            # Do not read the rest: that would take as long as accepting it.
            raise RequestEntityTooLarge
        self._ask_for_it()
        # It lives as long as the request: `leave` closes it.
        whole: Any = SpooledTemporaryFile(IN_MEMORY_BYTES) if is_file else io.BytesIO()  # noqa: SIM115
        try:
            size = self._copy(whole, max_bytes, is_file)
        except (HTTPException, OSError):
            whole.close()
            raise
        whole.seek(0)
        self._environ["wsgi.input"] = self._whole = whole
        self._environ["wsgi.input_terminated"] = True
        self._environ["CONTENT_LENGTH"] = str(size)
        return cast(IO[bytes], whole)

    def leave(self) -> None:
        """Close the connection after the response when the body was not read to its end.

        Otherwise the server would have to read the rest to find the next request.
        """
        if self._whole is not None:
            self._whole.close()
        elif hang_up := getattr(self._source, "hang_up", None):
            hang_up()

    def _copy(self, whole: Any, max_bytes: int, is_file: bool) -> int:
        size, started = 0, time.monotonic()
        # One byte more than is allowed shows that it is too much.
        end = max_bytes + 1 if self._announced is None else self._announced
        longest = PIECE if self._announced is not None else CHUNKED_PIECE
        while size < end:
            piece = min(longest, end - size)
            earned = (size + piece) / self._pace if is_file else 0
            seconds = started + self._seconds + earned - time.monotonic()
            found = self._read(piece, seconds, is_file)
            if not found:
                break
            whole.write(found)
            size += len(found)
            if size < end:
                time.sleep(0)  # a fast sender must not keep the other greenlets waiting
        if size > max_bytes:
            raise RequestEntityTooLarge
        if self._announced is not None and size < self._announced:
            log.info("body_broke_off", got=size, announced=self._announced)
            raise BrokenOffError
        return size

    def _read(self, size: int, seconds: float, is_file: bool) -> bytes:
        connection = self._connection
        try:
            if connection is not None and is_file:
                connection.settimeout(self._seconds)
            with _within(seconds, connection):
                return cast(bytes, self._source.read(size))
        except (_StalledError, TimeoutError):
            log.info("body_stalled")
            raise RequestTimeout from None
        except Exception as error:
            # Each server raises something else for a truncated or malformed body.
            log.info("body_broke_off", error=type(error).__name__)
            raise BadRequest from None
        finally:
            if connection is not None and is_file:
                connection.settimeout(None)

    def _ask_for_it(self) -> None:
        # A client waiting for "100 Continue" has sent nothing yet, see `gunicorn_conf.py`.
        if getattr(self._source, "is_awaited", False) and self._connection is not None:
            self._source.is_awaited = False
            self._connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    @property
    def _connection(self) -> socket.socket | None:
        found = self._environ.get("gunicorn.socket") or self._environ.get("werkzeug.socket")
        return cast("socket.socket | None", found)


class BodyMiddleware:
    """Withholds the body of each request until it is asked for."""

    def __init__(self, app: Flask, inside: "WSGIApplication") -> None:
        """Wrap an application; its `BODY_SECONDS` are the time limits."""
        self._app = app
        self._inside = inside

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Serve one request."""
        if environ.get("CONTENT_LENGTH") in {None, "", "0"} and not _is_chunked(environ):
            return self._inside(environ, start_response)
        config = self._app.config
        body = environ[_KEY] = Incoming(
            environ, config["BODY_SECONDS"], config["FILE_BYTES_PER_SECOND"]
        )
        try:
            return self._inside(environ, start_response)
        finally:
            body.leave()


def register(app: Flask) -> None:
    """Read the bodies of an application's requests here, and nowhere else; call it last."""
    app.config.update(
        BODY_SECONDS=SECONDS,
        FILE_BYTES_PER_SECOND=FILE_BYTES_PER_SECOND,
        MAX_CONTENT_LENGTH=PAGE_BYTES,
        MAX_FORM_MEMORY_SIZE=PAGE_BYTES,
        MAX_FORM_PARTS=MOST_FIELDS,
    )
    app.request_class = Request
    app.wsgi_app = BodyMiddleware(app, app.wsgi_app)  # type: ignore[method-assign]


def receive(environ: "WSGIEnvironment", max_bytes: int, *, is_file: bool = False) -> IO[bytes]:
    """Read the whole body of a request; see `Incoming.receive` for what it raises."""
    body: Incoming | None = environ.get(_KEY)
    return io.BytesIO() if body is None else body.receive(max_bytes, is_file=is_file)


def take_in() -> None:
    """Read and parse the body of this request; runs before anything that queries the database."""
    view = current_app.view_functions.get(request.endpoint or "")
    if request.method in BARE_METHODS or receives_by_itself(view):
        return
    # A stranger's upload must not reach the disk. The signed session cookie shows without a query
    # that this browser has signed in; whether the session is still valid is checked later.
    is_file = hasattr(view, "max_body_bytes") and "_user_id" in session
    max_bytes: int = getattr(view, "max_body_bytes", 0) if is_file else PAGE_BYTES
    # The library also refuses a body of exactly the limit.
    request.max_content_length = max_bytes + 1
    try:
        receive(request.environ, max_bytes, is_file=is_file)
        _ = request.form
    except HTTPException:
        # The error page only reads, so it must not wait for a writer.
        database.set_reads_only(True)
        raise


class BrokenOffError(BadRequest):
    """The sender disconnected before the end of the body, so no page is rendered."""


class _StalledError(Exception):
    """The time for a body is up."""


def _is_chunked(environ: "WSGIEnvironment") -> bool:
    return bool(environ.get("HTTP_TRANSFER_ENCODING"))


@contextmanager
def _within(seconds: float, connection: socket.socket | None) -> Iterator[None]:
    """Bound what happens inside; raises _StalledError.

    A socket timeout alone would restart with every byte received.
    """
    timeout = _greenlet_timeout()
    if timeout is not None:
        with timeout(max(seconds, 0), _StalledError):
            yield
        return
    if connection is None:
        yield
        return
    is_over = threading.Event()

    def end() -> None:
        is_over.set()
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RD)

    timer = threading.Timer(max(seconds, 0), end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception:
        # The server may raise anything when its connection was closed.
        if not is_over.is_set():
            raise
    finally:
        timer.cancel()
    if is_over.is_set():
        raise _StalledError


def _greenlet_timeout() -> Any:
    try:
        from gevent import Timeout, monkey
    except ImportError:
        return None
    return Timeout if monkey.is_module_patched("socket") else None
