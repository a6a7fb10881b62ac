"""The password is asked again before sensitive changes, when the last proof is too old.

Nothing typed is lost: the page carries the fields of the refused form and sends them on.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, ParamSpec, cast

from flask import Response, make_response, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from crm_app import clock
from crm_app.accounts import wording
from crm_app.accounts.models import User
from crm_app.accounts.passwords import hashing
from crm_app.accounts.sessions import cookies, throttle
from crm_app.extensions import db
from crm_app.security import events
from crm_app.security.events import Kind
from crm_app.web import return_to
from crm_app.web.fragments import wants_fragment

FRESH_FOR = timedelta(minutes=10)
FIELD = "proof_password"
# Shows scripts that the form was not refused for its contents (static/js/proof.js).
WANTED_HEADER = "X-Proof-Wanted"
P = ParamSpec("P")


def is_fresh() -> bool:
    """Whether the signed-in user has proved who they are within the last ten minutes."""
    held = cookies.held()
    return held is not None and held.proved_at > clock.now() - FRESH_FOR


def fresh_sign_in_required(view: Callable[P, Any]) -> Callable[P, Any]:
    """Ask for the password again before a change, when the last proof is too old.

    GET requests need no proof. Put it below the decorators of rights, so that nobody is asked for a
    password only to be refused.
    """

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Any:
        if request.method in {"GET", "HEAD", "OPTIONS"} or is_fresh():
            return view(*args, **kwargs)
        typed = request.form.get(FIELD)
        refusal = "" if typed is None else refusal_of(typed)
        if typed is not None and not refusal:
            return view(*args, **kwargs)
        return _question(refusal)

    return guarded


def counted_refusal(user: User) -> str:
    """Count a try like a password try; returns the refusal after too many.

    Ends the open transaction.
    """
    user_id, email = user.id, user.email
    db.session.commit()
    try:
        throttle.count_try(email)
    except throttle.TooManyTriesError as error:
        events.refused(Kind.LOCKED_OUT, about=user_id)
        return wording.wait_sentence(error)
    return ""


def refusal_of(password: str) -> str:
    """Compare a password with the signed-in user's own and note the proof, or say what is wrong.

    Ends the open transaction. Counted like sign-ins, because the browser may be unattended.
    """
    user = cast(User, current_user)
    user_id, email, stored, is_former = user.id, user.email, user.password, user.has_former_hash
    if refusal := counted_refusal(user):
        return refusal
    if not hashing.matches(password, stored, is_former=is_former):
        events.refused(Kind.PASSWORD_WRONG, about=user_id)
        return str(_("This is not your current password."))
    throttle.forgive(email)
    cookies.note_proof()
    db.session.commit()
    return ""


def page(action: str, refusal: str, carried: list[tuple[str, str]]) -> Response:
    """Render the question; `carried` are the fields of the form that waits for it."""
    answer = make_response(
        render_template(
            "accounts/proof.html",
            action=action,
            refusal=refusal,
            carried=carried,
            field=FIELD,
            way_back=return_to.here(url_for("home.index")),
        ),
        422,
    )
    answer.headers[WANTED_HEADER] = "yes"
    return answer


def _question(refusal: str) -> Response:
    if wants_fragment():
        # The form stays on the page; the script asks in a dialog and sends the form again.
        answer = make_response("", 403)
        answer.headers[WANTED_HEADER] = "yes"
        answer.headers["HX-Reswap"] = "none"
        return answer
    carried = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name not in {"csrf_token", FIELD}
    ]
    return page(return_to.this_page(), refusal, carried)
