"""Routes webhook requests past everything that only pages need."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Blueprint, Flask, current_app, request
from werkzeug.wrappers import Request, Response

from crm_app.extensions import csrf
from crm_app.telephony.webhook.receiver import WebhookReceiver
from crm_app.web.access import public
from crm_app.web.middleware.request_body import with_limits_of_its_own

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATH = "/zadarma"
bp = Blueprint("zadarma", __name__)
csrf.exempt(bp)


@bp.get(PATH, strict_slashes=False)
@bp.get(f"{PATH}/<token>")
@public
def echo(token: str = "") -> Response:
    """Answer the PBX's check of the address."""
    return _receiver(current_app).echo(request.query_string, token)


@bp.post(PATH, strict_slashes=False)
@bp.post(f"{PATH}/<token>")
@public
@with_limits_of_its_own
def receive(token: str = "") -> Response:
    """Receive a notification that bypassed the middleware."""
    return _receiver(current_app).receive(request, token)


class WebhookMiddleware:
    """Hands notifications to the receiver before Flask sets up a request; passes on the rest.

    Going through Flask and its extensions costs more than storing the fact (measured).
    """

    def __init__(self, app: Flask, inside: "WSGIApplication") -> None:
        self._app = app
        self._inside = inside

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Serve one request."""
        path = environ.get("PATH_INFO", "")
        if environ.get("REQUEST_METHOD") != "POST" or not path.startswith(PATH):
            return self._inside(environ, start_response)
        slash, token = path[len(PATH) :][:1], path[len(PATH) + 1 :]
        if slash not in {"", "/"} or "/" in token:
            return self._inside(environ, start_response)
        request = Request(environ, populate_request=False)
        return _receiver(self._app).receive(request, token)(environ, start_response)


def _receiver(app: Flask) -> WebhookReceiver:
    found: WebhookReceiver = app.extensions["webhook_receiver"]
    return found
