"""Where one is signed in: the list of one's own sessions, each of which can be ended."""

from flask import render_template, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from crm_app.accounts import session_cookies, sessions, wording
from crm_app.accounts.current import me
from crm_app.accounts.views import Answer, bp
from crm_app.extensions import db
from crm_app.live import services as live
from crm_app.security import events
from crm_app.security.events import Kind
from crm_app.web.fragments import see_other
from crm_app.web.toasts import toast


@bp.get("/account/sessions")
def list_sessions() -> Answer:
    """List in which browsers one is signed in, this one first."""
    held = session_cookies.held()
    own = held.id if held else 0
    rows = sorted(sessions.of(me()), key=lambda row: row.id != own)
    return render_template(
        "accounts/sessions.html", rows=rows, own=own, device=wording.device, limits=sessions
    )


@bp.post("/account/sessions/<int:session_id>/end")
def end_session(session_id: int) -> Answer:
    """End one of one's own sessions; what that browser has open closes at once."""
    if sessions.end(session_id, me(), sessions.End.FROM_LIST):
        events.done(Kind.SESSION_ENDED, about=me().id, detail=sessions.End.FROM_LIST)
        toast(_("Signed out there."))
    return _ended()


@bp.post("/account/sessions/end-others")
def end_other_sessions() -> Answer:
    """End all of one's own sessions but this one."""
    ended = sessions.end_all(me(), sessions.End.FROM_LIST, but=session_cookies.held())
    if ended:
        events.done(Kind.SESSION_ENDED, about=me().id, detail=sessions.End.FROM_LIST)
        toast(
            ngettext("Signed out in %(num)d place.", "Signed out in %(num)d places.", ended),
        )
    return _ended()


def _ended() -> Response:
    user_id = me().id
    db.session.commit()
    # All streams of the user: the browsers that are still signed in come back by themselves.
    live.close(user_id)
    return see_other(url_for("accounts.list_sessions"))
