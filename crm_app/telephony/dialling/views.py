"""Click-to-call: the button's address, the row that shows a dial request, those that failed."""

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, current_app, make_response, render_template, request, url_for

from crm_app import clock
from crm_app.accounts.current import me
from crm_app.accounts.rights import Verb, find
from crm_app.contacts.models import Contact
from crm_app.counting import Counter
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.leads.models import Lead
from crm_app.local_time import LocalTime
from crm_app.security import events
from crm_app.security.events import Kind
from crm_app.telephony import wording
from crm_app.telephony.browser_phone import services as browser_phone
from crm_app.telephony.connection import Link, LinkCache, client_for
from crm_app.telephony.dialling import placing, services
from crm_app.telephony.dialling.models import DialRequest, DialState
from crm_app.telephony.zadarma.client import ZadarmaClient
from crm_app.web.access import background
from crm_app.web.display.formatting import choose_timezone
from crm_app.web.fragments import see_other, wants_fragment
from crm_app.web.ids import read_id

# Three requests to the API must fit into the time that a browser waits for one of ours.
_TIMEOUT_SECONDS = (2.0, 4.0)
# Where a dialler stands: in the top bar, or on its own page.
PLACES = ("top", "page")

bp = Blueprint("dialling", __name__)


@bp.app_template_global()
def drawn_at() -> str:
    """Give the moment at which a page is drawn: it shows no failure of the page before."""
    return f"{clock.now().timestamp():.3f}"


@bp.post("/telephony/dial")
def dial() -> Response:
    """Connect the user's phone with a number; the response is shown beside the clicked button."""
    if seconds := _seconds_to_wait():
        return _too_many(seconds)
    asked = _asked()
    client = _client()
    try:
        dial_id = placing.place(asked, client)
    except InvalidInputError as error:
        db.session.rollback()
        return _not_yet(error, asked)
    finally:
        if client is not None:
            client.close()
    failed = db.session.get_one(DialRequest, dial_id).state == DialState.FAILED
    if not wants_fragment() and not failed:
        return see_other(url_for("dialling.dials"))
    answer = make_response(_answer(typed=asked.number if failed else ""), 422 if failed else 200)
    if asked.is_in_browser and not failed:
        # The page that asked passes it on to the window of the phone.
        answer.headers["Phone-Dial"] = db.session.get_one(DialRequest, dial_id).number
    return answer


@bp.get("/telephony/dials")
@background
def dials() -> Response:
    """Show the state of the user's dial request."""
    if wants_fragment():
        return make_response(_row())
    return make_response(_page(_opened_at()))


@bp.get("/telephony/dials/pad")
@background
def pad() -> Response:
    """Show the key pad of the top bar, and below it the numbers that the user called last."""
    if not wants_fragment():
        return see_other(url_for("dialling.dials"))
    called = services.called_last(me())
    return make_response(render_template("telephony/_pad_of_top_bar.html", recent=called))


@bp.get("/telephony/dials/failed")
@background
def failed_dials() -> Response:
    """Show which calls of today could not be made, and why."""
    if not wants_fragment():
        return see_other(url_for("dialling.dials"))
    return make_response(render_template("telephony/_failed.html", words=wording, **_failures()))


@bp.post("/telephony/dials/clear")
def clear_failed() -> Response:
    """Empty the list of calls that could not be made."""
    services.clear_failed(me().id)
    db.session.commit()
    return failed_dials()


@bp.post("/telephony/dials/<int:dial_id>/close")
def close_dial(dial_id: int) -> Response:
    """Put a row away."""
    services.close(dial_id, me().id)
    db.session.commit()
    return make_response(_row()) if wants_fragment() else see_other(url_for("dialling.dials"))


def _asked() -> services.NewDialRequest:
    """Read what was clicked."""
    user = me()
    return services.NewDialRequest(
        user_id=user.id,
        extension=user.extension or "",
        number=request.form.get("number", "")[:80],
        country=current_app.config["DEFAULT_COUNTRY"],
        contact_id=_visible("contact_id", Contact),
        lead_id=_visible("lead_id", Lead),
        call_back_id=read_id(request.form.get("call_back")),
        is_confirmed=request.form.get("confirm") == "yes",
        is_in_browser=request.form.get("via") == "phone" and browser_phone.is_on_for(user, _link()),
    )


def _link() -> Link:
    links: LinkCache = current_app.extensions["telephony_links"]
    return links.current()


def _client() -> ZadarmaClient | None:
    config, counter = current_app.extensions["settings"], current_app.extensions["counter"]
    return client_for(_link(), config, counter, _TIMEOUT_SECONDS)


def _seconds_to_wait() -> int:
    counter: Counter = current_app.extensions["counter"]
    user_id = me().id
    # Counting may wait for a network.
    db.session.commit()
    return services.seconds_to_wait(user_id, counter)


def _too_many(seconds: int) -> Response:
    events.refused(Kind.TOO_MANY, detail="dialling.dial")
    typed = request.form.get("number", "")[:80]
    answer = make_response(_answer(typed=typed, says=wording.too_many_sentence(seconds)), 429)
    answer.headers["Retry-After"] = str(seconds)
    return answer


def _not_yet(error: InvalidInputError, asked: services.NewDialRequest) -> Response:
    """Say why there is no dial request, and ask what may be confirmed."""
    question = None
    if error.code in wording.QUESTIONS:
        question = replace(asked, number=str(error.details["number"]))
    code = 409 if error.code == "already_ringing" else 422
    says = wording.refusal_sentence(error)
    answer = _answer(typed=asked.number, says=says, question=question, asks=error.code)
    return make_response(answer, code)


def _visible(field: str, kind: type[Contact] | type[Lead]) -> int | None:
    """Read the id of a record from the form; None unless the user may see the record."""
    found = find(kind, read_id(request.form.get(field)), me(), Verb.VIEW)
    return found.id if found is not None else None


def _answer(
    *,
    typed: str = "",
    says: str = "",
    question: services.NewDialRequest | None = None,
    asks: str = "",
) -> str:
    """Draw what a click gives: the row, and what is said at the button or below the field."""
    place = request.form.get("place", "")
    said: dict[str, Any] = {
        "place": place if place in PLACES else "", "typed": typed, "says": says,
        "question": question, "is_usual": asks == "confirm_dialling",
        "name": services.name_of(question.number, question.contact_id, me()) if question else "",
    }  # fmt: skip
    # Where nothing was dialled, the failure of an earlier page does not come back.
    since = clock.now() if says else _opened_at()
    if wants_fragment():
        return render_template("telephony/_dial_answer.html", **said, **_shown(since))
    return _page(since, **said)


def _page(since: datetime, **said: Any) -> str:
    called = services.called_last(me())
    return render_template(
        "telephony/dials.html", recent=called, **said, **_shown(since), **_failures()
    )


def _row() -> str:
    return render_template("telephony/_dials.html", **_shown(_opened_at()))


def _shown(since: datetime) -> dict[str, Any]:
    dial = services.shown_to(me().id, since)
    return {
        "dial": dial,
        "names": services.names_of([dial] if dial else [], me()),
        "seconds": seconds_until(dial.changes_at) if dial else 0,
        "words": wording,
    }


def _failures() -> dict[str, Any]:
    local = LocalTime.of(choose_timezone())
    failed = services.failed_since(me().id, local.midnight(local.today))
    return {"failed": failed, "failed_names": services.names_of(failed, me())}


def _opened_at() -> datetime:
    """Read when the page was drawn that asks."""
    try:
        return datetime.fromtimestamp(float(request.args.get("since", "0")), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def seconds_until(moment: datetime) -> int:
    """Count the whole seconds after which a moment is over."""
    return max(1, math.floor((moment - clock.now()).total_seconds()) + 1)
