"""The board for colleagues."""

from typing import Any

from flask import Blueprint, render_template, url_for

from crm_app.accounts.current import me
from crm_app.board import services, wording
from crm_app.board.services import State
from crm_app.calls.narrowing import WITH_CLIENTS
from crm_app.reports.links import Links
from crm_app.reports.wording import long_span
from crm_app.web.access import background
from crm_app.web.fragments import Answer, see_other, wants_fragment

bp = Blueprint("board", __name__, url_prefix="/board")


@bp.get("")
def index() -> str:
    """Show who talks, who is free and who waits, as it is now."""
    return render_template("board/index.html", **_now())


@bp.get("/now")
@background
def now() -> Answer:
    """Draw the board again; an open page asks when it has heard that something changed."""
    if not wants_fragment():
        return see_other(url_for(".index"))
    return render_template("board/_board.html", **_now())


def words() -> dict[str, Any]:
    """Return what both boards need to put their numbers into words."""
    return {
        "states": wording.STATES,
        "doings": wording.DOINGS,
        "client_name": wording.client_name,
        "holder": wording.holder,
        "masked": wording.masked,
        "long_span": long_span,
        "kinds": State,
    }


def _now() -> dict[str, Any]:
    board = services.read(me())
    links = Links(board.today.day, board.today.day)
    with_clients = links.calls(part=WITH_CLIENTS)
    return {"board": board, "links": links, "with_clients": with_clients, **words()}
