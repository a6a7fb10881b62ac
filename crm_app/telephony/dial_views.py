"""Click-to-call: the button's address, and the cards that say how far a call has come."""

from flask import Response, current_app, make_response, render_template, request, url_for
from flask_login import current_user

from crm_app.extensions import db
from crm_app.telephony import dialling, wording
from crm_app.telephony.models import DialRequest, DialState
from crm_app.telephony.views import bp, client_for, links
from crm_app.web.fragments import see_other, wants_fragment

# Three requests to the API must fit into the time that a browser waits for one of ours.
_TIMEOUT_SECONDS = (2.0, 4.0)

__all__ = ["bp"]


@bp.post("/telephony/dial")
def dial() -> Response:
    """Connect the user's phone with a number; the answer is a card that tells the truth."""
    order = dialling.Order(
        user_id=current_user.id,
        extension=current_user.extension or "",
        number=request.form.get("number", "")[:80],
        country=current_app.config["DEFAULT_COUNTRY"],
        contact_id=request.form.get("contact_id", type=int),
        lead_id=request.form.get("lead_id", type=int),
        confirmed=request.form.get("confirm") == "yes",
    )
    client = client_for(links().current(), _TIMEOUT_SECONDS)
    try:
        dial_id = dialling.place(order, client)
    finally:
        if client is not None:
            client.close()
    request_ = db.session.get_one(DialRequest, dial_id)
    failed = request_.state == DialState.FAILED
    if not wants_fragment() and not failed:
        return see_other(url_for("telephony.dials"))
    template = "telephony/_dials_partial.html" if wants_fragment() else "telephony/dials.html"
    return make_response(_render(template), 422 if failed else 200)


@bp.get("/telephony/dials")
def dials() -> Response:
    """Show how far the calls have come that this user asked for."""
    template = "telephony/_dials.html" if wants_fragment() else "telephony/dials.html"
    return make_response(_render(template))


@bp.post("/telephony/dials/<int:dial_id>/close")
def close_dial(dial_id: int) -> Response:
    """Put a card away."""
    dialling.close(dial_id, current_user.id)
    if wants_fragment():
        return make_response(_render("telephony/_dials.html"))
    return see_other(url_for("telephony.dials"))


def _render(template: str) -> str:
    cards = db.session.scalars(DialRequest.shown_to(current_user.id)).all()
    return render_template(
        template,
        cards=cards,
        is_waiting=any(card.is_pending for card in cards),
        words=wording,
    )
