"""Who may come in: every route needs sign-in unless it says that it is public."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from flask import Response, abort, current_app, make_response, redirect, request, url_for
from flask_login import current_user

from crm_app.security import events
from crm_app.web import return_to

P = ParamSpec("P")
R = TypeVar("R")

# Routes that are not views of ours; the test that walks all routes reads this too.
PUBLIC_ENDPOINTS = {"security.static"}


def public(view: Callable[P, R]) -> Callable[P, R]:
    """Mark a view that an anonymous visitor may call."""
    view.is_public = True  # type: ignore[attr-defined]
    return view


def is_public(endpoint: str) -> bool:
    """Whether an endpoint may be called without sign-in."""
    view = current_app.view_functions.get(endpoint)
    return endpoint in PUBLIC_ENDPOINTS or getattr(view, "is_public", False)


def background(view: Callable[P, R]) -> Callable[P, R]:
    """Mark a view that open pages request on their own: it is no sign of an active user."""
    view.is_background = True  # type: ignore[attr-defined]
    return view


def is_background(endpoint: str) -> bool:
    """Whether open pages request an endpoint without the user doing anything."""
    return getattr(current_app.view_functions.get(endpoint), "is_background", False)


def hides_address(view: Callable[P, R]) -> Callable[P, R]:
    """Mark a view whose address is a secret: it goes into no Referer and no log."""
    view.hides_address = True  # type: ignore[attr-defined]
    return view


def is_address_hidden(endpoint: str) -> bool:
    """Whether an endpoint's addresses are secrets."""
    return getattr(current_app.view_functions.get(endpoint), "hides_address", False)


def only_reads(view: Callable[P, R]) -> Callable[P, R]:
    """Mark a view that changes nothing although it takes POST: it does not block writers."""
    view.only_reads = True  # type: ignore[attr-defined]
    return view


def is_reading() -> bool:
    """Whether this request only reads."""
    view = current_app.view_functions.get(request.endpoint or "")
    return request.method in {"GET", "HEAD"} or getattr(view, "only_reads", False)


def manager_only(view: Callable[P, R]) -> Callable[P, R]:
    """Refuse everybody but managers and administrators with 403."""
    return _only(view, "is_manager")


def admin_only(view: Callable[P, R]) -> Callable[P, R]:
    """Refuse everybody but administrators with 403."""
    return _only(view, "is_admin")


def _only(view: Callable[P, R], right: str) -> Callable[P, R]:
    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        if not getattr(current_user, right, False):
            abort(403)
        return view(*args, **kwargs)

    return guarded


def require_sign_in() -> Response | Any | None:
    """Send an anonymous visitor to the sign-in page; runs before every request.

    It runs before the CSRF token is checked: when the session has ended, so has the token, and the
    user should be asked to sign in rather than refused.
    """
    if request.endpoint is None or is_public(request.endpoint):
        return None
    if current_user.is_authenticated:
        events.remember_user(current_user.id)
        return None
    if request.headers.get("HX-Request") == "true":
        # A sign-in page must not be swapped into a panel: redirect the whole browser page.
        answer = make_response("", 401)
        answer.headers["HX-Redirect"] = _sign_in_and_back_to(return_to.here(""))
        return answer
    if request.accept_mimetypes.best == "text/event-stream":
        abort(401)
    is_page = request.method == "GET" and request.accept_mimetypes.accept_html
    page = return_to.this_page() if is_page else return_to.here("")
    return redirect(_sign_in_and_back_to(page), 303)


def _sign_in_and_back_to(page: str) -> str:
    return url_for("security.login", next=page or None)
