"""The board for the office TV, which needs no sign-in, and the page of its addresses."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import current_app, make_response, render_template, url_for
from flask_babel import gettext as _
from limits import RateLimitItemPerMinute

from crm_app.accounts.current import me
from crm_app.accounts.people.views import absolute_address
from crm_app.accounts.sign_in.proof import fresh_sign_in_required
from crm_app.board import services, walls
from crm_app.board.forms import WallForm
from crm_app.board.models import BoardWall
from crm_app.board.views import bp, words
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.live.hub import Listener
from crm_app.live.messages import OFFICE, channel_of
from crm_app.live.views import open_stream
from crm_app.security import events
from crm_app.security.events import Kind
from crm_app.telephony.reconciliation.views import events_missing_since
from crm_app.web import sent_forms
from crm_app.web.access import admin_only, background, hides_address, public
from crm_app.web.fragments import Answer, see_other
from crm_app.web.middleware.anonymous_forms import count_stranger
from crm_app.web.toasts import toast
from crm_app.web.unsaved import say_saved

# Of one network: several screens of an office that hear of every call, and little load for us.
PER_NETWORK = RateLimitItemPerMinute(240, 1, "board-wall")


def _with_wall(view: Callable[[BoardWall, str], Answer]) -> Callable[..., Answer]:
    """Count the request, and pass the address that a token opens; else say that it does not."""

    @wraps(view)
    def guarded(token: str) -> Answer:
        count_stranger(PER_NETWORK)
        try:
            wall = walls.find(token)
        except InvalidInputError:
            events.refused(Kind.LINK_REFUSED, detail="wall")
            return render_template("board/wall_gone.html"), 410
        return view(wall, token)

    return guarded


@bp.get("/wall/<token>")
@public
@hides_address
@_with_wall
def wall(wall: BoardWall, token: str) -> Answer:
    """Show the board without names and numbers of clients, to be read from afar."""
    return render_template("board/wall.html", wall=wall, token=token, **_now())


@bp.get("/wall/<token>/now")
@public
@hides_address
@background
@_with_wall
def wall_now(_wall: BoardWall, _token: str) -> Answer:
    """Draw the board of the office TV again."""
    return render_template("board/_wall.html", **_now())


@bp.get("/wall/<token>/live")
@public
@hides_address
@background
@_with_wall
def wall_stream(wall: BoardWall, _token: str) -> Answer:
    """Stream that there is something new on the board, and nothing of what it is."""
    return open_stream(Listener(walls.channel_of(wall), hints=channel_of(OFFICE)))


@bp.route("/walls", methods=["GET", "POST"])
@admin_only
@fresh_sign_in_required
def list_walls() -> Answer:
    """List the addresses for the office TV; a post makes one, whose token is shown this once."""
    form = WallForm()
    if not form.validate_on_submit():
        return _page(form), 422 if form.is_submitted() else 200
    made = sent_forms.made(BoardWall, lambda: walls.make(form.name.data, me()), gone="revoked_at")
    # When the form is sent twice, the first token can no longer be shown.
    token = walls.new_token(made)
    db.session.commit()
    url = absolute_address(f"/board/wall/{token}")
    # Only in this response: a cookie that carried it could be read.
    return say_saved(make_response(_page(WallForm(formdata=None), made=made, url=url)))


@bp.post("/walls/<int:wall_id>/revoke")
@admin_only
@fresh_sign_in_required
def revoke_wall(wall_id: int) -> Answer:
    """End an address; a screen that shows it says so at once."""
    found = db.get_or_404(BoardWall, wall_id)
    walls.revoke(found, me())
    db.session.commit()
    toast(_("%(name)s shows the board no longer.", name=found.name))
    return see_other(url_for("board.list_walls"))


def _page(form: WallForm, made: BoardWall | None = None, url: str = "") -> str:
    every = walls.everything()
    return render_template("board/walls.html", form=form, walls=every, made=made, url=url)


def _now() -> dict[str, Any]:
    version = current_app.jinja_env.globals["version"]
    missing = events_missing_since()
    return {"board": services.read(None), "events_missing": missing, "version": version, **words()}
