"""The two cookies that connect a request with its row in the table of sessions.

Flask's own session carries the token of the row (and the forms' secret, and toasts): when the row
has ended, that cookie lets nobody in. The second cookie is for browsers that stay signed in.
"""

import hashlib
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, request, session
from flask_login import LoginManager, user_logged_in, user_logged_out
from flask_security.utils import set_request_attr

from crm_app import clock, database
from crm_app.accounts.models import User
from crm_app.accounts.sessions import browsers
from crm_app.accounts.sessions import services as sessions
from crm_app.accounts.sessions.services import End, Held
from crm_app.config import Config
from crm_app.extensions import db
from crm_app.live import services as live
from crm_app.security import events
from crm_app.security.events import Kind
from crm_app.web.access import is_background

TOKEN = "_user_id"  # noqa: S105 (Flask-Login's name of what it loads a user by)
OF_FLASK_LOGIN = (TOKEN, "_fresh", "_id")


def register(app: Flask, login_manager: LoginManager) -> None:
    """Let the table of sessions decide who is signed in."""
    settings: Config = app.extensions["settings"]
    session_name, remember_name = cookie_names(settings)
    app.config.update(
        SESSION_COOKIE_NAME=session_name,
        SESSION_COOKIE_PATH="/",
        SESSION_COOKIE_SECURE=settings.is_https,
        # The row knows the limits; the signature must not end before.
        PERMANENT_SESSION_LIFETIME=sessions.LONGEST,
        # Flask-Login's own text never changes and has no end, so its cookie is never looked for.
        REMEMBER_COOKIE_NAME="never-sent",
        RAMAL_REMEMBER_COOKIE=remember_name,
    )
    login_manager.user_loader(_load)
    login_manager.request_loader(_recall)
    user_logged_in.connect(_begin, app)
    user_logged_out.connect(_end, app)
    app.after_request(_after_request)


def cookie_names(settings: Config) -> tuple[str, str]:
    """Name the cookies of the session and of staying signed in."""
    remember = "remember" if settings.is_https else "remember_token"
    return cookie_name(settings, "session"), cookie_name(settings, remember)


def cookie_name(settings: Config, plain: str) -> str:
    """Name a cookie of this office.

    Over TLS with `__Host-`, which no other host of the domain can plant. That wants Path=/, so two
    offices under paths of one host differ by name.
    """
    path = urlsplit(settings.public_url).path.strip("/")
    office = f"-{hashlib.sha256(path.encode()).hexdigest()[:8]}" if path else ""
    return f"{'__Host-' if settings.is_https else ''}{plain}{office}"


def held() -> Held | None:
    """Return the session that the request belongs to; None when nobody is signed in."""
    found: Held | None = g.get("browser_session")
    return found


def note_proof() -> None:
    """Note that the sender of this request has just proved to be the signed-in user."""
    current = held()
    if current is not None:
        sessions.note_proof(current)
        g.browser_session = replace(current, proved_at=clock.now())


def _load(token: str) -> User | None:
    found = sessions.find(str(token))
    if found is None:
        return None
    user, g.browser_session = found
    _tell_flask_security(g.browser_session)
    return user


def _tell_flask_security(row: Held) -> None:
    # By which its own pages know that somebody is signed in, and when they last proved it.
    set_request_attr("fs_authn_via", "session")
    set_request_attr("fs_paa", row.proved_at.timestamp())


def _recall(_request: Any) -> User | None:
    text = request.cookies.get(current_app.config["RAMAL_REMEMBER_COOKIE"], "")
    if not text:
        return None
    recalled = sessions.recall(text)
    if recalled is None:
        g.remember_text = ""
        return None
    if recalled.is_stolen:
        _end_stolen(recalled)
        return None
    if recalled.renewed:
        g.remember_text = recalled.renewed
    g.browser_session = recalled.session
    _tell_flask_security(recalled.session)
    session.clear()
    session[TOKEN] = recalled.session.token
    _give_forms_secret(recalled.session)
    return recalled.user


def _end_stolen(recalled: sessions.Recalled) -> None:
    """End a session whose text is in two hands: nobody knows which of them is the right one."""
    session_id, user = recalled.session.id, recalled.user
    db.session.rollback()
    with database.writing():
        sessions.end(session_id, user, End.STOLEN)
        events.done(Kind.SESSION_ENDED, about=user.id, detail=End.STOLEN)
        user_id = user.id
        db.session.commit()
    live.close(user_id)
    g.remember_text = ""


def _begin(_app: Flask, user: User, **_extra: Any) -> None:
    """Make a row and a fresh Flask session for somebody who has just signed in."""
    before = held()
    if before is not None:
        sessions.end(before.id, user, End.SIGNED_OUT)
    stays = session.get("_remember") == "set"
    device = browsers.device(request.user_agent.string, request.remote_addr or "")
    row, g.remember_text = sessions.begin(user, device, is_remembered=stays)
    kept = {name: session[name] for name in OF_FLASK_LOGIN if name in session}
    # What was in it before the sign-in, the forms' secret above all, somebody else may know.
    session.clear()
    session.update(kept, **{TOKEN: row.token})
    _give_forms_secret(row)
    g.browser_session = row
    user.signed_in_at = clock.now()


def _give_forms_secret(row: Held) -> None:
    # Made of the token and not at random: two tabs that come back at once must have the same one.
    name = current_app.config["WTF_CSRF_FIELD_NAME"]
    session[name] = hashlib.sha256(f"forms {row.token}".encode()).hexdigest()[:40]
    g.pop(name, None)


def _end(_app: Flask, user: User | None = None, **_extra: Any) -> None:
    """End the row of the browser that signs out, and empty its cookies."""
    current = g.pop("browser_session", None)
    session.clear()
    g.remember_text = ""
    if user is None:
        return
    if current is not None:
        sessions.end(current.id, user, End.SIGNED_OUT)
    events.done(Kind.SIGNED_OUT, by=user.id, about=user.id)
    # Nothing else is written at a sign-out, so nobody would.
    db.session.commit()


def _after_request(response: Response) -> Response:
    current = held()
    if current is not None and not is_background(request.endpoint or ""):
        sessions.note_seen(current)
    if "remember_text" in g:
        _send_remember_cookie(response, g.pop("remember_text"), current)
    return response


def _send_remember_cookie(response: Response, text: str | None, current: Held | None) -> None:
    name = current_app.config["RAMAL_REMEMBER_COOKIE"]
    secure = current_app.config["SESSION_COOKIE_SECURE"]
    if text and current is not None:
        left = current.begun_at + sessions.LONGEST - clock.now()
        response.set_cookie(
            name, text, max_age=left, path="/", secure=secure, httponly=True, samesite="Lax"
        )
    elif name in request.cookies:
        response.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="Lax")
