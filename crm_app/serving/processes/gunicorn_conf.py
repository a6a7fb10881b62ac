"""How gunicorn serves Ramal: gevent, many idle streams, quick shutdown. Loaded by path.

`flask serve` adds the address, the number of processes and of connections on the command line.
Nothing of ours may be imported at the top: gevent patches the standard library in each worker
before the application is loaded, and psycopg chooses how it waits when it is imported.
"""

import logging
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from types import FrameType
from typing import Any

import gevent

worker_class = "gevent"
wsgi_app = "wsgi:app"
worker_connections = 10_000
backlog = 2048
keepalive = 15
timeout = 60
graceful_timeout = 1
max_requests = 0
preload_app = False
loglevel = "warning"
accesslog = None
errorlog = "-"
control_socket_disable = True
# The application itself trusts TRUSTED_PROXIES proxies and nobody else.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
END_SECONDS = 2.0
LOOK_SECONDS = 0.05
GONE_SECONDS = 60
CHUNKS_IN_A_TURN = 32
# Compile templates at start: otherwise the first call's card came a quarter of a second late.
CARD = "calls/_tray.html"
LINGER_SECONDS = 1.0
LINGER_BYTES = 512 * 1024
LINGER_PIECE = 64 * 1024
# How many requests this process is answering, including open streams.
_open = {"requests": 0}


def post_worker_init(worker: Any) -> None:
    """Send gunicorn's lines to our log, and end the streams first at shutdown.

    Also start storing what another process left in the spool.
    """
    receiver = getattr(worker.wsgi, "extensions", {}).get("webhook_receiver")
    if receiver is not None:
        receiver.drainer.watch()
        _load_card(worker.wsgi)
        # It asks the database, which may be away: nobody is to wait for that.
        gevent.spawn(_rehearse_card, worker.wsgi)
    logger = logging.getLogger("gunicorn.error")
    logger.handlers.clear()
    logger.propagate = True
    logger.addFilter(_is_of_ours)
    for listener in worker.sockets:
        notice_who_has_gone(listener)
    _name_no_server()

    def end(signum: int, frame: FrameType | None) -> None:
        worker.handle_exit(signum, frame)
        gevent.spawn(_end_soon)

    signal.signal(signal.SIGTERM, end)


def _load_card(app: Any) -> None:
    from crm_app.web.display.precompile import load_ahead

    load_ahead(app.jinja_env, CARD)


def _rehearse_card(app: Any) -> None:
    from crm_app import database
    from crm_app.calls.popups import tray

    with suppress(*database.IS_AWAY), app.app_context(), database.reading():
        tray.rehearse()


def _is_of_ours(record: logging.LogRecord) -> bool:
    # A client whose network failed is not an error.
    return not (record.exc_info and isinstance(record.exc_info[1], TimeoutError))


def notice_who_has_gone(listener: socket.socket) -> None:
    """Make incoming connections end when the other side is unreachable or does not read."""
    if listener.family == socket.AF_UNIX:
        return
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # On Linux connections inherit these options; elsewhere only the body's deadline applies.
    for option, value in (
        ("TCP_KEEPIDLE", GONE_SECONDS // 2),
        ("TCP_KEEPINTVL", GONE_SECONDS // 6),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", GONE_SECONDS * 1000),
    ):
        if hasattr(socket, option):
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def pre_request(_worker: Any, request: Any) -> None:
    """Count a new request, and leave its body to `web.middleware.request_body`.

    That module can close the connection after the response, because gunicorn would read the rest of
    a body, however long it is. It also sends "100 Continue" itself, which gunicorn would send
    before anything has checked the announced size.
    """
    _open["requests"] += 1
    request.body.hang_up = request.force_close
    request.body.is_awaited = request._expected_100_continue
    request._expected_100_continue = False
    if (chunks := getattr(request.body.reader, "parser", None)) is not None:
        request.body.reader.parser = _in_turns(chunks)


def post_request(_worker: Any, request: Any, environ: Any, _response: Any) -> None:
    """Yield: a busy keep-alive connection would starve every other greenlet."""
    _open["requests"] -= 1
    if request.must_close and "gunicorn.socket" in environ:
        _let_the_answer_arrive(environ["gunicorn.socket"])
    gevent.sleep(0)


def _in_turns(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield while a body is assembled that has one chunk per byte."""
    for number, chunk in enumerate(chunks):
        yield chunk
        if number % CHUNKS_IN_A_TURN == 0:
            gevent.sleep(0)


def _let_the_answer_arrive(connection: Any) -> None:
    """Read on for a moment: closing with unread bytes would reset the connection."""
    left = LINGER_BYTES
    with suppress(OSError), gevent.Timeout(LINGER_SECONDS, False):
        connection.shutdown(socket.SHUT_WR)
        while left > 0 and (found := connection.recv(LINGER_PIECE)):
            left -= len(found)
            gevent.sleep(0)


def _name_no_server() -> None:
    """Omit the Server header; gunicorn has no setting for it."""
    from gunicorn.http.wsgi import Response

    whole = Response.default_headers

    def without_server(response: Any) -> list[str]:
        return [line for line in whole(response) if not line.startswith("Server:")]

    Response.default_headers = without_server


def _end_soon() -> None:
    """End the streams, give requests two seconds, and exit without waiting for idle connections."""
    from crm_app.live.hub import hub

    deadline = time.monotonic() + END_SECONDS
    while time.monotonic() < deadline:
        # New streams still arrive until this process has exited.
        hub().drop_all()
        gevent.sleep(LOOK_SECONDS)
        if not _open["requests"]:
            break
    # gevent raises this in the main greenlet, which would otherwise wait for idle connections.
    raise SystemExit(0)
