"""Users who need a second factor and have none can open only the page that sets one up."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from flask import Response, current_app, make_response, redirect, request, url_for
from flask_login import current_user

from crm_app.accounts.sessions import cookies
from crm_app.web.access import is_public

P = ParamSpec("P")
R = TypeVar("R")
# Public pages that show a signed-in user more than others.
GIVES_MORE = frozenset({"live.stream", "health.figures"})
ALWAYS_OPEN = frozenset({"security.logout"})


def before_set_up(view: Callable[P, R]) -> Callable[P, R]:
    """Mark a view that users may call before they have set up their second factor."""
    view.is_before_set_up = True  # type: ignore[attr-defined]
    return view


def must_set_up() -> bool:
    """Whether the signed-in user must have a second factor and has none."""
    # Reading `current_user` is what loads the session.
    is_signed_in = current_user.is_authenticated
    held = cookies.held()
    if not is_signed_in or held is None:
        return False
    return not current_user.has_second_factor and current_user.must_have_factor(held.factor_policy)


def lead_to_set_up() -> Response | None:
    """Redirect users who must set up a second factor; runs before every request."""
    endpoint = request.endpoint or ""
    view = current_app.view_functions.get(endpoint)
    is_open = endpoint in ALWAYS_OPEN or getattr(view, "is_before_set_up", False)
    if not endpoint or is_open or (is_public(endpoint) and endpoint not in GIVES_MORE):
        return None
    if not must_set_up():
        return None
    page = url_for("accounts.second_factor")
    if request.headers.get("HX-Request") == "true":
        answer = make_response("", 403)
        answer.headers["HX-Redirect"] = page
        return answer
    if endpoint in GIVES_MORE:
        return make_response("", 403)
    return make_response(redirect(page, 303))
