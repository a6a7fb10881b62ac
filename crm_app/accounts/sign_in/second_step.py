"""Between password and second factor: nobody is signed in yet; a signed cookie names the user.

The cookie is valid for ten minutes, and until the user's session key changes.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Response, g, make_response, redirect, request, session, url_for
from flask_security import UserMixin
from flask_security.tf_plugin import TfPlugin

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.extensions import db
from crm_app.web import return_to

GOOD_FOR = timedelta(minutes=10)
_NAME = "second_step"


@dataclass(frozen=True, slots=True)
class Step:
    """How the user reached the second step: whether to stay signed in, and the tries counted."""

    stays: bool = True
    tries: int = 0


class SecondStep(TfPlugin):
    """What Flask-Security asks after a right password, instead of its own pages."""

    def tf_enter(
        self,
        user: UserMixin,
        remember_me: bool | None,
        _primary_authn_via: str,
        next_loc: str | None,
    ) -> Response | None:
        """Redirect users with a second factor to its page; None lets the others in."""
        if not isinstance(user, User) or not user.has_second_factor:
            return None
        page = begin(user, stays=bool(remember_me), tries=2, page=next_loc or "")
        return make_response(redirect(page, 303))


def begin(user: User, *, stays: bool, tries: int, page: str = "") -> str:
    """Set the cookie for the second factor of a user; returns the address that asks for it.

    `tries` is how often the sign-in was counted, which success undoes; `page` is where it leads.
    """
    session[_NAME] = [user.id, _mark(user), clock.now().timestamp(), stays, tries]
    g.second_step_begun = True
    return url_for("accounts.second_step", next=return_to.local(page, "") or None)


def is_begun() -> bool:
    """Whether this request has started a second step."""
    return bool(g.get("second_step_begun"))


def waiting() -> tuple[User, Step] | None:
    """Return the user waiting in this browser; None when there is none or it was too long ago."""
    kept = session.get(_NAME)
    if not kept:
        return None
    user_id, mark, begun_at, stays, tries = kept
    if begun_at < (clock.now() - GOOD_FOR).timestamp():
        return None
    user = db.session.get(User, user_id)
    is_same = user is not None and user.active and hmac.compare_digest(mark, _mark(user))
    return (user, Step(stays, tries)) if user is not None and is_same else None


def forget() -> None:
    """Drop the second step and start again with the password."""
    session.pop(_NAME, None)


def page_again() -> Response | None:
    """Redirect a browser from the sign-in page back to its second step, if it has one.

    Not for scripts: the dialog over an open page needs the form. `again` starts over.
    """
    if "again" in request.args:
        forget()
    if request.headers.get("Sec-Fetch-Mode", "navigate") != "navigate" or waiting() is None:
        return None
    page = return_to.local(request.args.get("next", ""), "")
    return make_response(redirect(url_for("accounts.second_step", next=page or None), 303))


def _mark(user: Any) -> str:
    return hashlib.sha256(f"second step {user.fs_uniquifier}".encode()).hexdigest()[:32]
