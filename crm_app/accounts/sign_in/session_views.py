"""A user's own sessions: the list of them, and what a page asks about the one it belongs to."""

from flask import jsonify, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_wtf.csrf import generate_csrf
from werkzeug.wrappers import Response

from crm_app.accounts import wording
from crm_app.accounts.current import me
from crm_app.accounts.pages import bp
from crm_app.accounts.sessions import cookies
from crm_app.accounts.sessions import services as sessions
from crm_app.accounts.sign_in.factor_gate import before_set_up
from crm_app.extensions import db
from crm_app.live import services as live
from crm_app.live.sign_in import sign_in_mark
from crm_app.security import events
from crm_app.security.events import Kind
from crm_app.web.fragments import Answer, see_other
from crm_app.web.toasts import toast


@bp.get("/account/sessions")
def list_sessions() -> Answer:
    """List in which browsers one is signed in, this one first."""
    held = cookies.held()
    own = held.id if held else 0
    rows = sorted(sessions.of(me()), key=lambda row: row.id != own)
    return render_template(
        "accounts/sessions.html", rows=rows, own=own, device=wording.device, limits=sessions
    )


@bp.post("/account/sessions/<int:session_id>/end")
def end_session(session_id: int) -> Answer:
    """End one of one's own sessions; open streams of that browser close at once."""
    if sessions.end(session_id, me(), sessions.End.FROM_LIST):
        events.done(Kind.SESSION_ENDED, about=me().id, detail=sessions.End.FROM_LIST)
        toast(_("Signed out there."))
    return _ended()


@bp.post("/account/sessions/end-others")
def end_other_sessions() -> Answer:
    """End all of one's own sessions but this one."""
    ended = sessions.end_all(me(), sessions.End.FROM_LIST, but=cookies.held())
    if ended:
        events.done(Kind.SESSION_ENDED, about=me().id, detail=sessions.End.FROM_LIST)
        toast(
            ngettext("Signed out in %(num)d place.", "Signed out in %(num)d places.", ended),
        )
    return _ended()


def _ended() -> Response:
    user_id = me().id
    db.session.commit()
    # This closes all streams of the user; browsers still signed in reconnect automatically.
    live.close(user_id)
    return see_other(url_for("accounts.list_sessions"))


@bp.get("/account/here")
@before_set_up
def here() -> Response:
    """Say who is signed in, with a fresh token for the forms of a page of the same user."""
    answer = jsonify(user=me().id, mark=sign_in_mark(), token=generate_csrf())
    answer.headers["Cache-Control"] = "no-store"
    return answer


@bp.after_app_request
def forget_all(response: Response) -> Response:
    """Make the browser delete stored client data at sign-out; cookies stay."""
    if request.endpoint == "security.logout" and response.status_code < 400:
        response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response
