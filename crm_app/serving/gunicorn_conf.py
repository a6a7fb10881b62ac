"""How gunicorn serves Ramal: gevent, many idle streams, quick ends. Read by path, not imported.

`flask serve` adds the address, the number of processes and of connections on the command line.
Nothing of ours may be imported at the top: gevent patches the standard library in each worker
before the application is loaded, and psycopg chooses how it waits when it is imported.
"""

import logging
import signal
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
STREAM_END_SECONDS = 0.2


def post_worker_init(worker: Any) -> None:
    """Send gunicorn's lines through our log, and end the streams first when asked to end."""
    logger = logging.getLogger("gunicorn.error")
    logger.handlers.clear()
    logger.propagate = True

    def end(signum: int, frame: FrameType | None) -> None:
        worker.handle_exit(signum, frame)
        gevent.spawn(_close_streams)

    signal.signal(signal.SIGTERM, end)


def post_request(_worker: Any, _request: Any, _environ: Any, _response: Any) -> None:
    """Let the others run: a busy keep-alive connection would starve every other greenlet."""
    gevent.sleep(0)


def _close_streams() -> None:
    from crm_app.live.hub import hub

    # For about a second new streams still come in.
    while True:
        hub().drop_all()
        gevent.sleep(STREAM_END_SECONDS)
