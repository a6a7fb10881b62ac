"""The two cookies that connect a request with its row in the table of sessions.

Flask's own session cookie carries the token of the row (and the CSRF token, and toasts): once the
row has ended, the cookie is useless. The second cookie is for browsers that stay signed in.
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
        # The row holds the limits; the cookie's signature must not expire earlier.
        PERMANENT_SESSION_LIFETIME=sessions.LONGEST,
        # Flask-Login's own remember cookie never changes or expires, so it is not used.
        REMEMBER_COOKIE_NAME="never-sent",
        RAMAL_REMEMBER_COOKIE=remember_name,
    )
    # It would look into the session at every request, and say so even with a file that is the
    # same for everybody: browsers would keep one for each state of the cookie.
    app.after_request_funcs[None].remove(login_manager._update_remember_cookie)
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

    Over TLS with `__Host-`, so that no other host of the domain can set it. That requires Path=/,
    so two offices under paths of one host differ by name.
    """
    path = urlsplit(settings.public_url).path.strip("/")
    office = f"-{hashlib.sha256(path.encode()).hexdigest()[:8]}" if path else ""
    return f"{'__Host-' if settings.is_https else ''}{plain}{office}"


def held() -> Held | None:
    """Return the session that the request belongs to; None when nobody is signed in."""
    found: Held | None = g.get("browser_session")
    return found


def note_proof() -> None:
    """Record that this request has just proved to come from the signed-in user."""
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
    # Flask-Security's pages read these to see who is signed in and when they last proved it.
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
    """End a session whose remember token two browsers have: either may be the thief's."""
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
    # Its contents from before the sign-in, above all the CSRF token, may be known to others.
    session.clear()
    session.update(kept, **{TOKEN: row.token})
    _give_forms_secret(row)
    g.browser_session = row
    user.signed_in_at = clock.now()


def _give_forms_secret(row: Held) -> None:
    # Derived from the token and not random: two tabs that reconnect at once must get the same one.
    name = current_app.config["WTF_CSRF_FIELD_NAME"]
    session[name] = hashlib.sha256(f"forms {row.token}".encode()).hexdigest()[:40]
    g.pop(name, None)


def _end(_app: Flask, user: User | None = None, **_extra: Any) -> None:
    """End the session of the browser that signs out, and clear its cookies."""
    current = g.pop("browser_session", None)
    session.clear()
    g.remember_text = ""
    if user is None:
        return
    if current is not None:
        sessions.end(current.id, user, End.SIGNED_OUT)
    events.done(Kind.SIGNED_OUT, by=user.id, about=user.id)
    # Commit here, because a sign-out writes nothing else.
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
