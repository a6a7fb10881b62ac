"""The application in front of the played account: its API, its recordings, its page."""

import socket
from typing import TYPE_CHECKING

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from crm_app.clock import now
from crm_app.simulator import page, webphone
from crm_app.simulator.api.requests import hang_up

if TYPE_CHECKING:
    from crm_app.simulator.office import Simulator

_METHODS = ["GET", "POST", "PUT", "DELETE"]
_MAX_BODY_BYTES = 1_000_000
_WAITING_CONNECTIONS = 128


def create_app(pbx: "Simulator") -> Flask:
    """Build the application of one simulator."""
    app = Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.extensions["pbx"] = pbx
    app.register_blueprint(page.bp)
    app.register_blueprint(webphone.bp)
    app.add_url_rule("/v1/<path:_method>", view_func=_api, methods=_METHODS)
    app.add_url_rule("/v1/pbx/record/download/<token>/<path:_name>", view_func=_recording)
    app.before_request(_refuse_nonsense)
    app.register_error_handler(Exception, _keep)
    app.after_request(_finish)
    return app


def serve(app: Flask, port: int) -> BaseWSGIServer:
    """Make the server of an application on this machine; raises OSError when the port is taken."""
    taken = socket.create_server(("127.0.0.1", port), backlog=_WAITING_CONNECTIONS)
    with taken:
        return make_server(
            "127.0.0.1", port, app, threaded=True, request_handler=_Handler, fd=taken.fileno()
        )


class _Handler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: addresses hold phone numbers."""


def _api(_method: str) -> Response:
    return page.pbx().api.answer(request)


def _recording(token: str, _name: str) -> Response:
    """Serve a link's sound, whole or in part; links expire, and files come late."""
    pbx = page.pbx()
    if not pbx.history.is_link_valid(token, now()) or not pbx.account.are_recordings_ready:
        return Response(status=404, content_type="text/plain")
    content, content_type, status = pbx.sounds.body(pbx.history.recording_of(token))
    headers, wanted = {"Accept-Ranges": "bytes"}, request.range
    if wanted is not None and status == 200:
        span = wanted.range_for_length(len(content))
        status = 206 if span else 416
        headers["Content-Range"] = str(
            wanted.to_content_range_header(len(content)) or f"bytes */{len(content)}"
        )
        content = content[slice(*span)] if span else b""
    return Response(content, status, headers, content_type=content_type)


def _refuse_nonsense() -> Response | None:
    """Hang up on a body that nobody would send."""
    length = request.environ.get("CONTENT_LENGTH") or "0"
    is_plain = length.isdecimal() and int(length) <= _MAX_BODY_BYTES
    return None if is_plain else hang_up(request)


def _keep(error: Exception) -> Response | HTTPException:
    """Keep an error of our own for the tests to look at, and hang up."""
    if isinstance(error, HTTPException):
        return error
    page.pbx().errors.append(error)
    return hang_up(request)


def _finish(answer: Response) -> Response:
    answer.headers["X-Content-Type-Options"] = "nosniff"
    # A simulator that was stopped must not answer on a connection that was kept open.
    answer.headers["Connection"] = "close"
    return answer
