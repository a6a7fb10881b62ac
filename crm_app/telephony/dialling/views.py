"""Click-to-call: the button's address, and the cards that show the state of dial requests."""

from flask import Blueprint, Response, current_app, make_response, render_template, request, url_for

from crm_app.accounts.current import me
from crm_app.accounts.rights import Verb, find
from crm_app.contacts.models import Contact
from crm_app.counting import Counter
from crm_app.extensions import db
from crm_app.leads.models import Lead
from crm_app.security import events
from crm_app.security.events import Kind
from crm_app.telephony import wording
from crm_app.telephony.connection import LinkCache, client_for
from crm_app.telephony.dialling import placing, services
from crm_app.telephony.dialling.models import DialRequest, DialState
from crm_app.telephony.zadarma.client import ZadarmaClient
from crm_app.web.access import background
from crm_app.web.fragments import see_other, wants_fragment
from crm_app.web.ids import read_id
from crm_app.web.toasts import toast

# Three requests to the API must fit into the time that a browser waits for one of ours.
_TIMEOUT_SECONDS = (2.0, 4.0)

bp = Blueprint("dialling", __name__)


@bp.post("/telephony/dial")
def dial() -> Response:
    """Connect the user's phone with a number; the response is a card with the result."""
    if seconds := _seconds_to_wait():
        return _too_many(seconds)
    asked = services.NewDialRequest(
        user_id=me().id,
        extension=me().extension or "",
        number=request.form.get("number", "")[:80],
        country=current_app.config["DEFAULT_COUNTRY"],
        contact_id=_visible("contact_id", Contact),
        lead_id=_visible("lead_id", Lead),
        is_confirmed=request.form.get("confirm") == "yes",
    )
    client = _client()
    try:
        dial_id = placing.place(asked, client)
    finally:
        if client is not None:
            client.close()
    failed = db.session.get_one(DialRequest, dial_id).state == DialState.FAILED
    if not wants_fragment() and not failed:
        return see_other(url_for("dialling.dials"))
    return make_response(_render(_cards()), 422 if failed else 200)


@bp.get("/telephony/dials")
@background
def dials() -> Response:
    """Show the state of the user's dial requests."""
    template = "telephony/_dials.html" if wants_fragment() else "telephony/dials.html"
    return make_response(_render(template))


@bp.post("/telephony/dials/<int:dial_id>/close")
def close_dial(dial_id: int) -> Response:
    """Close a card."""
    services.close(dial_id, me().id)
    db.session.commit()
    if wants_fragment():
        return make_response(_render("telephony/_dials.html"))
    return see_other(url_for("dialling.dials"))


def _client() -> ZadarmaClient | None:
    links: LinkCache = current_app.extensions["telephony_links"]
    config, counter = current_app.extensions["settings"], current_app.extensions["counter"]
    return client_for(links.current(), config, counter, _TIMEOUT_SECONDS)


def _seconds_to_wait() -> int:
    counter: Counter = current_app.extensions["counter"]
    user_id = me().id
    # Counting may wait for a network.
    db.session.commit()
    return services.seconds_to_wait(user_id, counter)


def _too_many(seconds: int) -> Response:
    events.refused(Kind.TOO_MANY, detail="dialling.dial")
    toast(wording.too_many_sentence(seconds), kind="warning")
    answer = make_response(_render(_cards()), 429)
    answer.headers["Retry-After"] = str(seconds)
    return answer


def _cards() -> str:
    return "telephony/_dials_partial.html" if wants_fragment() else "telephony/dials.html"


def _visible(field: str, kind: type[Contact] | type[Lead]) -> int | None:
    """Read the id of a record from the form; None unless the user may see the record."""
    found = find(kind, read_id(request.form.get(field)), me(), Verb.VIEW)
    return found.id if found is not None else None


def _render(template: str) -> str:
    cards = db.session.scalars(DialRequest.shown_to(me().id)).all()
    return render_template(
        template,
        cards=cards,
        names=services.names_of(cards, me()),
        is_waiting=any(card.is_pending for card in cards),
        words=wording,
    )
