"""One page, and one fragment, for everything that goes wrong."""

from typing import Any

import structlog
from flask import Flask, g, render_template, request
from flask_babel import gettext as _
from flask_login import AnonymousUserMixin
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError, TimeoutError
from werkzeug.exceptions import HTTPException

from crm_app.database import DatabaseBusyError
from crm_app.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError
from crm_app.extensions import db
from crm_app.security import events
from crm_app.security.events import Kind
from crm_app.web.fragments import wants_fragment
from crm_app.web.middleware import same_origin
from crm_app.web.middleware.request_body import BrokenOffError
from crm_app.web.wording import REASONS, reason

log = structlog.get_logger(__name__)

DATABASE_IS_AWAY = (DatabaseBusyError, OperationalError, InterfaceError, TimeoutError)
RETRY_SECONDS = "5"
REFUSALS = {403: Kind.FORBIDDEN, 404: Kind.NOT_FOUND, 429: Kind.TOO_MANY}
# For when not even a page for a signed-out visitor can be rendered; the language is unknown.
BARE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8" /><title>Ramal</title></head>
<body>
<h1>Something went wrong here</h1>
<p>It has been written to the log. Try again.</p>
</body>
</html>
"""


def register(app: Flask) -> None:
    """Bind the handlers to an application."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(NotAllowedError, _not_allowed)
    app.register_error_handler(NotFoundError, _not_found)
    app.register_error_handler(ConflictError, lambda _error: _answer(409))
    app.register_error_handler(InvalidInputError, _refused)
    app.register_error_handler(Exception, _unexpected)
    for kind in DATABASE_IS_AWAY:
        app.register_error_handler(kind, _away)


def _http(error: HTTPException) -> Any:
    if error.code is None or error.code < 400:
        return error
    if isinstance(error, BrokenOffError):
        return "", error.code
    if error.code in REFUSALS:
        _write_down(REFUSALS[error.code])
    answer = _answer(error.code)
    if error.code == 429:
        return (*answer, {"Retry-After": error.get_response().headers.get("Retry-After", "60")})
    return answer


def _write_down(kind: Kind) -> None:
    events.refused(kind, detail=request.endpoint or "")


def _not_allowed(_error: NotAllowedError) -> Any:
    _write_down(Kind.FORBIDDEN)
    return _answer(403)


def _not_found(_error: NotFoundError) -> Any:
    _write_down(Kind.NOT_FOUND)
    return _answer(404)


def _csrf(error: CSRFError) -> Any:
    _write_down(Kind.FORM_REFUSED)
    return _answer(400, same_origin.words(error))


def _refused(error: InvalidInputError) -> Any:
    return _answer(422, reason(error) if error.code in REASONS else "")


def _unexpected(error: Exception) -> Any:
    _end_transaction()
    # Its address may be a one-time link.
    log.error("request_failed", endpoint=request.endpoint, method=request.method, exc_info=error)
    return _answer(500)


def _away(error: Exception) -> Any:
    _end_transaction()
    _become_nobody()
    reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    log.error("database_away", endpoint=request.endpoint, error=type(error).__name__, reason=reason)
    text = _("The database does not answer. Try again in a moment.")
    return (*_answer(503, text), {"Retry-After": RETRY_SECONDS})


def _answer(code: int, text: str = "") -> tuple[str, int]:
    try:
        return _page(code, text), code
    except Exception as error:
        # Rendering a page needs the user and the database, and either may be the cause.
        log.error("error_page_failed", endpoint=request.endpoint, code=code, exc_info=error)
    _end_transaction()
    _become_nobody()
    try:
        return _page(code, text), code
    except Exception as error:
        log.error("error_page_failed", endpoint=request.endpoint, code=code, exc_info=error)
        return BARE, code


def _page(code: int, text: str) -> str:
    title, what_to_do = _words(code)
    template = "errors/_message.html" if wants_fragment() else "errors/page.html"
    return render_template(template, code=code, title=title, text=text or what_to_do)


def _end_transaction() -> None:
    try:
        db.session.rollback()
    except SQLAlchemyError:
        # The connection is lost, and with it everything loaded from it, including the user.
        db.session().invalidate()
        g.pop("_login_user", None)


def _become_nobody() -> None:
    """Continue this request as signed out, so that no user is loaded from the database."""
    # Where Flask-Login stores the loaded user.
    g._login_user = AnonymousUserMixin()


def _words(code: int) -> tuple[str, str]:
    known = {
        400: (_("This could not be understood"), _("Go back and try again.")),
        401: (_("Please sign in"), _("Your session has ended.")),
        403: (_("You do not have access to this"), _("Ask a manager if you need it.")),
        404: (_("There is nothing here"), _("It may have been deleted, or the address is wrong.")),
        405: (_("This could not be understood"), _("Go back and try again.")),
        408: (_("This took too long to arrive"), _("Check the connection, then send it again.")),
        409: (
            _("Somebody else has changed this"),
            _("Nothing was overwritten. Open it again to see the newest version."),
        ),
        413: (_("This is too large"), _("Send a smaller file or a shorter text.")),
        422: (_("This could not be accepted"), _("Go back, correct it and send it again.")),
        429: (_("Too many attempts"), _("Wait a minute, then try again.")),
        503: (_("Not ready"), _("Try again in a moment.")),
    }
    fallback = (_("Something went wrong here"), _("It has been written to the log. Try again."))
    return known.get(code, fallback)
