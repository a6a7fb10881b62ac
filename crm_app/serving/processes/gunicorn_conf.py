"""How gunicorn serves Ramal: gevent, many idle streams, quick ends. Read by path, not imported.

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
# Compiled while nobody waits: the first client's card came a quarter of a second later for it.
CARD = "calls/_popup.html"
LINGER_SECONDS = 1.0
LINGER_BYTES = 512 * 1024
LINGER_PIECE = 64 * 1024
# How many requests this process answers right now, open streams among them.
_open = {"requests": 0}


def post_worker_init(worker: Any) -> None:
    """Send gunicorn's lines through our log, and end the streams first when asked to end.

    What another process has left in the spool is taken in from here, too.
    """
    receiver = getattr(worker.wsgi, "extensions", {}).get("webhook_receiver")
    if receiver is not None:
        receiver.drainer.watch()
        _load_card(worker.wsgi)
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
    from crm_app.web.display.ahead import load_ahead

    load_ahead(app.jinja_env, CARD)


def _is_of_ours(record: logging.LogRecord) -> bool:
    # Somebody whose network has gone is no error.
    return not (record.exc_info and isinstance(record.exc_info[1], TimeoutError))


def notice_who_has_gone(listener: socket.socket) -> None:
    """Let connections that come in here end when their other side is silent or reads nothing."""
    if listener.family == socket.AF_UNIX:
        return
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # On Linux connections inherit these; elsewhere the body's deadline must do.
    for option, value in (
        ("TCP_KEEPIDLE", GONE_SECONDS // 2),
        ("TCP_KEEPINTVL", GONE_SECONDS // 6),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", GONE_SECONDS * 1000),
    ):
        if hasattr(socket, option):
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def pre_request(_worker: Any, request: Any) -> None:
    """Count a request that begins, and leave its body to `web.middleware.incoming`.

    It may have the connection closed behind its answer: gunicorn would read what is left of a body
    to the end, however long that is. And it says itself when a sender may go on ("100 Continue"),
    which gunicorn would say before anybody has looked at the size that is announced.
    """
    _open["requests"] += 1
    request.body.hang_up = request.force_close
    request.body.is_awaited = request._expected_100_continue
    request._expected_100_continue = False
    if (chunks := getattr(request.body.reader, "parser", None)) is not None:
        request.body.reader.parser = _in_turns(chunks)


def post_request(_worker: Any, request: Any, environ: Any, _response: Any) -> None:
    """Let the others run: a busy keep-alive connection would starve every other greenlet."""
    _open["requests"] -= 1
    if request.must_close and "gunicorn.socket" in environ:
        _let_the_answer_arrive(environ["gunicorn.socket"])
    gevent.sleep(0)


def _in_turns(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Let the others run while a body is put together that has a chunk for each of its bytes."""
    for number, chunk in enumerate(chunks):
        yield chunk
        if number % CHUNKS_IN_A_TURN == 0:
            gevent.sleep(0)


def _let_the_answer_arrive(connection: Any) -> None:
    """Read on for a moment: closing with bytes unread would take the answer back."""
    left = LINGER_BYTES
    with suppress(OSError), gevent.Timeout(LINGER_SECONDS, False):
        connection.shutdown(socket.SHUT_WR)
        while left > 0 and (found := connection.recv(LINGER_PIECE)):
            left -= len(found)
            gevent.sleep(0)


def _name_no_server() -> None:
    """Leave out the header that says which server this is; gunicorn has no setting for it."""
    from gunicorn.http.wsgi import Response

    whole = Response.default_headers

    def without_server(response: Any) -> list[str]:
        return [line for line in whole(response) if not line.startswith("Server:")]

    Response.default_headers = without_server


def _end_soon() -> None:
    """End the streams, let requests finish for two seconds, and end without waiting for idlers."""
    from crm_app.live.hub import hub

    deadline = time.monotonic() + END_SECONDS
    while time.monotonic() < deadline:
        # Until this process is gone, new streams still come in.
        hub().drop_all()
        gevent.sleep(LOOK_SECONDS)
        if not _open["requests"]:
            break
    # gevent hands this to the main greenlet, which otherwise waits for idle connections.
    raise SystemExit(0)
