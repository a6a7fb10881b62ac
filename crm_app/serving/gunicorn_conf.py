"""How gunicorn serves Ramal: gevent, many idle streams, quick ends. Read by path, not imported.

`flask serve` adds the address, the number of processes and of connections on the command line.
Nothing of ours may be imported at the top: gevent patches the standard library in each worker
before the application is loaded, and psycopg chooses how it waits when it is imported.
"""

import logging
import signal
import time
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
# How many requests this process answers right now, open streams among them.
_open = {"requests": 0}


def post_worker_init(worker: Any) -> None:
    """Send gunicorn's lines through our log, and end the streams first when asked to end."""
    logger = logging.getLogger("gunicorn.error")
    logger.handlers.clear()
    logger.propagate = True

    def end(signum: int, frame: FrameType | None) -> None:
        worker.handle_exit(signum, frame)
        gevent.spawn(_end_soon)

    signal.signal(signal.SIGTERM, end)


def pre_request(_worker: Any, _request: Any) -> None:
    """Count a request that begins."""
    _open["requests"] += 1


def post_request(_worker: Any, _request: Any, _environ: Any, _response: Any) -> None:
    """Let the others run: a busy keep-alive connection would starve every other greenlet."""
    _open["requests"] -= 1
    gevent.sleep(0)


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
