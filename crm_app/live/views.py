"""The address of the event stream, and its bindings to an application."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, Response, after_this_request, current_app, request
from flask_login import current_user, user_logged_out
from redis.exceptions import RedisError

from crm_app import clock
from crm_app.config import Config
from crm_app.extensions import db
from crm_app.live import bus, services
from crm_app.live.hub import MOST_STREAMS, Listener, hub
from crm_app.live.messages import HINT, OFFICE, MessageId, channel_of, latest, missed, parse_id
from crm_app.live.sign_in import sign_in_mark
from crm_app.live.stream import Stream, render
from crm_app.web.access import background, public

# A page hears nothing between its making and the opening of its stream.
MISSES_AT_MOST_MS = 10_000
_HEARS_OFFICE = "live_hears_office"
bp = Blueprint("live", __name__)
bp.add_app_template_global(sign_in_mark)


def register(app: Flask, bus_url: str, hears_office: Callable[[Any], bool]) -> None:
    """Bind the bus to an application, and end a user's streams when they sign out.

    `hears_office` says whether a user may hear of every call.
    """
    bus.configure(bus_url)
    app.extensions[_HEARS_OFFICE] = hears_office
    user_logged_out.connect(_close_after_request, app)


@bp.get("/live")
@public
@background
def stream() -> Response:
    """Stream the signed-in user's messages; an anonymous visitor gets 401, never a redirect."""
    if not current_user.is_authenticated:
        return Response(status=401)
    channel, office = channel_of(current_user.id), channel_of(OFFICE)
    if current_app.extensions[_HEARS_OFFICE](current_user):
        return open_stream(Listener(channel, office))
    return open_stream(Listener(channel, hints=office))


def open_stream(listener: Listener) -> Response:
    """Answer with the stream of a listener, or that it cannot be opened now."""
    # The stream stays open for an hour: it must not keep a database connection.
    db.session.close()
    if not hub().is_ready():
        return _not_now()
    hub().add(listener, _share())
    try:
        waiting, last = _replay(listener)
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


def _replay(listener: Listener) -> tuple[bytes, MessageId]:
    """Render what the browser missed since the message it saw last, and the number reached.

    A page that has just come learns whether it is old already; one that comes back looks anyway.
    """
    since = parse_id(request.headers.get("Last-Event-ID", ""))
    if since is None:
        recent = int(clock.now().timestamp() * 1000) - MISSES_AT_MOST_MS
        news = [row for other in listener.also for row in latest(bus.client(), other, recent)]
        if listener.hints:
            hints = latest(bus.client(), listener.hints, recent)
            news += [(number, HINT) for number, _text in hints]
        return b"".join(render(*row) for row in news), (0, 0)
    rows = missed(bus.client(), listener.channel, since)
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
