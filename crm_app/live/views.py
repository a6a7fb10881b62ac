"""The address of the event stream, and its bindings to an application."""

from typing import Any

from flask import Blueprint, Flask, Response, after_this_request, current_app, request
from flask_login import current_user, user_logged_out
from redis.exceptions import RedisError

from crm_app.config import Config
from crm_app.extensions import db
from crm_app.live import bus, services
from crm_app.live.hub import MOST_STREAMS, Listener, hub
from crm_app.live.messages import MessageId, channel_of, missed, parse_id
from crm_app.live.sign_in import sign_in_mark
from crm_app.live.stream import Stream, render
from crm_app.web.access import background, public

bp = Blueprint("live", __name__)
bp.add_app_template_global(sign_in_mark)


def register(app: Flask, bus_url: str) -> None:
    """Bind the bus to an application, and end a user's streams when they sign out."""
    bus.configure(bus_url)
    user_logged_out.connect(_close_after_request, app)


@bp.get("/live")
@public
@background
def stream() -> Response:
    """Stream the signed-in user's messages; an anonymous visitor gets 401, never a redirect."""
    if not current_user.is_authenticated:
        return Response(status=401)
    channel = channel_of(current_user.id)
    # The stream stays open for an hour: it must not keep a database connection.
    db.session.close()
    if not hub().is_ready():
        return _not_now()
    listener = Listener(channel)
    hub().add(listener, _share())
    try:
        waiting, last = _replay(channel)
    except RedisError:
        hub().remove(listener)
        return _not_now()
    body = Stream(hub(), listener, waiting, last)
    answer = current_app.response_class(body, mimetype="text/event-stream", direct_passthrough=True)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Accel-Buffering"] = "no"
    # The server keeps the environment while the stream lives; drop the request from it to save
    # memory.
    request.environ.pop("werkzeug.request", None)
    return answer


def _share() -> int:
    """Return how many streams of one user this process may hold: an equal share of the limit."""
    settings: Config = current_app.extensions["settings"]
    return max(MOST_STREAMS // settings.workers, 1)


def _not_now() -> Response:
    return Response(status=503, headers={"Retry-After": "5"})


def _replay(channel: str) -> tuple[bytes, MessageId]:
    """Render what the browser missed since the message it saw last, and the number reached."""
    since = parse_id(request.headers.get("Last-Event-ID", ""))
    rows = missed(bus.client(), channel, since) if since else []
    if not rows:
        return b"", (0, 0)
    return b"".join(render(*row) for row in rows), parse_id(rows[-1][0]) or (0, 0)


def _close_after_request(_sender: Flask, user: Any = None, **_more: Any) -> None:
    """Let the other tabs of this browser find out that nobody is signed in any more."""
    user_id = getattr(user, "id", None)

    @after_this_request
    def _close(response: Response) -> Response:
        db.session.close()
        if user_id is not None:
            services.close(user_id)
        return response
