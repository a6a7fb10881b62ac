"""The cards of live calls, and what is done on them."""

from typing import Any

from flask import Response, abort, current_app, make_response, render_template, request, url_for
from flask_babel import get_locale, get_timezone
from flask_babel import gettext as _
from flask_login import current_user

from crm_app import clock, phone_numbers
from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb, fetch
from crm_app.calls import services
from crm_app.calls.models import Call, CallWrapup
from crm_app.calls.popups import card_state, cards
from crm_app.calls.popups import tray as trays
from crm_app.calls.popups.card_state import CardState
from crm_app.calls.popups.forms import IdentifyForm, NewLeadForm
from crm_app.calls.views import bp, outcome_name, show_call, write_ups_of
from crm_app.calls.wording import SOURCE_WORDS
from crm_app.calls.wrapup import outcomes
from crm_app.calls.wrapup import services as wrapup
from crm_app.calls.wrapup.forms import (
    CHIP_WORDS,
    OUTCOME_WORDS,
    WrapupForm,
    call_back,
    saved_words,
)
from crm_app.contacts.listing import find_contacts
from crm_app.contacts.models import Contact
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.live.sign_in import SIGN_IN_HEADER, sign_in_mark
from crm_app.web import return_to
from crm_app.web.access import background
from crm_app.web.fragments import Answer, see_other, wants_fragment
from crm_app.web.ids import read_id
from crm_app.web.toasts import toast

MOST_PEOPLE = 5
MOST_KEPT = 20
LEAD_TITLE_LENGTH = 200


def own_call_or_404(call_id: int) -> Call:
    """Fetch a call in which the signed-in user's phone has a part; 404 for all others."""
    call = card_state.call_for_card(call_id)
    if call is None or not card_state.has_part(call, current_user):
        abort(404)
    return call


@bp.after_request
def mark(response: Response) -> Response:
    """Say for whose sign-in a part of a page is: a page of another one must not show it."""
    if wants_fragment() and response.status_code < 500 and current_user.is_authenticated:
        response.headers[SIGN_IN_HEADER] = sign_in_mark()
    return response


@bp.get("/tray")
@background
def tray() -> Answer:
    """Show what this user's screen should hold now: one card, rows, and what waits."""
    if not wants_fragment():
        return see_other(_page("calls.index"))
    shown = trays.tray_of(current_user, _tab())
    opened = shown.open
    closed = (*shown.pinned, *shown.more, *shown.below)
    rows = cards.rows_of([(one.call, one.state, one.wrapup) for one in closed], current_user)
    return render_template(
        "calls/_tray.html",
        tray=shown,
        again_in=shown.again_in(clock.now()),
        opened=cards.card_of(*_parts(opened)) if opened else None,
        pinned=[rows[one.call.id] for one in shown.pinned],
        more=[rows[one.call.id] for one in shown.more],
        below=[rows[one.call.id] for one in shown.below],
        outcomes=outcomes.offered() if opened and opened.state is CardState.WRAP_UP else [],
    )


@bp.post("/<int:call_id>/popup/close")
def close_popup(call_id: int) -> Answer:
    """Fold a card: a live call to its row, one that has ended into what waits to be written up."""
    call = own_call_or_404(call_id)
    state = card_state.state_of(call, current_user, clock.now())
    if state is not None:
        card_state.put_away(call, state, current_user)
        db.session.commit()
    return see_other(_page("calls.index")) if not wants_fragment() else make_response("", 200)


@bp.get("/<int:call_id>/people")
def people(call_id: int) -> Answer:
    """Find contacts by what is being typed, to give one of them the number of a call."""
    call = own_call_or_404(call_id)
    asked = request.args.get("q", "") or request.args.get("name", "")
    found = find_contacts(current_user, asked.strip()) if asked.strip() else []
    return render_template(
        "calls/_popup_people.html", call=call, people=found[:MOST_PEOPLE], was_asked=bool(asked)
    )


@bp.post("/<int:call_id>/identify")
def identify(call_id: int) -> Answer:
    """Say which contact a call is with, and give them the number if that was asked."""
    call = own_call_or_404(call_id)
    form = IdentifyForm()
    if not form.validate():
        abort(404)
    wanted = form.contact_id.data
    # All who have the caller's number may be chosen, also where agents see only their own contacts.
    _contact, candidates = cards.named_to(current_user, call)
    contact = next((c for c in candidates if c.id == wanted), None) or fetch(
        Contact, wanted, current_user, Verb.VIEW
    )
    services.attach_contact(call, contact, current_user, keeps_number=form.keeps_number.data)
    db.session.commit()
    return _after_change(call)


@bp.post("/<int:call_id>/restore")
def restore(call_id: int) -> Answer:
    """Take the contact with the number of a call out of the bin, from its card or its page."""
    is_card = wants_fragment()
    call = own_call_or_404(call_id) if is_card else fetch(Call, call_id, current_user, Verb.EDIT)
    wanted = read_id(request.form.get("contact_id"))
    contact = services.restore_contact(call, wanted, current_user)
    if contact is None:
        abort(404)
    db.session.commit()
    toast(_("%(name)s is back.", name=contact.name))
    return _after_change(call)


@bp.post("/<int:call_id>/new-lead")
def make_lead(call_id: int) -> Answer:
    """Make a stranger a contact with a lead, by nothing but a name."""
    call = own_call_or_404(call_id)
    form = NewLeadForm()
    if not form.validate():
        errors = form.name.errors or [_("Enter a name.")]
        return _refused_lead(call, form, str(errors[0]))
    line = phone_numbers.show(call.did, current_app.config["DEFAULT_COUNTRY"])
    try:
        owner = wrapup.make_lead(
            call,
            form.stranger(),
            current_user,
            title=_("Enquiry by phone – %(name)s", name=form.name.data)[:LEAD_TITLE_LENGTH],
            source=str(SOURCE_WORDS[wrapup.source_of(call)]),
            about=_("Line %(number)s", number=line) if line else "",
        )
    except InvalidInputError as error:
        db.session.rollback()
        return _refused_lead(own_call_or_404(call_id), form, refusal(error))
    db.session.commit()
    if not form.only_name.data or owner is not None:
        _say_whose(owner, form.name.data)
    return _after_change(call)


@bp.post("/<int:call_id>/wrapup")
def save_wrapup(call_id: int) -> Answer:
    """Save how a call went, and the next task if one was chosen."""
    call = own_call_or_404(call_id)
    form = WrapupForm()
    if not form.validate():
        return _refused(call, form)
    name = _name(call)
    try:
        is_new = wrapup.is_open(call, current_user)
        row = wrapup.save(call, current_user, form.written(), get_timezone(), call_back(name))
    except InvalidInputError as error:
        db.session.rollback()
        form[error.field].errors = [refusal(error)]
        return _refused(own_call_or_404(call_id), form)
    said = saved_words(row, name, outcome_name(row.outcome) if row.outcome else "")
    db.session.commit()
    toast(said, undo_url=url_for("calls.take_back", call_id=call.id) if is_new else "")
    return _after_save(call)


@bp.post("/<int:call_id>/wrapup/draft")
def keep_draft(call_id: int) -> Answer:
    """Keep what is being typed, so that no reload, crash or new call can lose it."""
    call = own_call_or_404(call_id)
    form = WrapupForm()
    if not form.validate():
        return make_response("", 422)
    is_kept = wrapup.keep_draft(call, current_user, form.written(), get_timezone())
    db.session.commit()
    return make_response("", 204 if is_kept else 409)


def _say_whose(owner: Contact | None, typed: str) -> None:
    if owner is None:
        toast(_("Lead created for %(name)s", name=typed))
    else:
        toast(
            _("The number belongs to %(name)s: the call was added there.", name=owner.name),
            kind="info",
        )


def _after_change(call: Call) -> Answer:
    # The screen asks for the whole tray after what was done in it.
    return (
        make_response("", 200)
        if wants_fragment()
        else see_other(_page("calls.show", call_id=call.id))
    )


def _refused_lead(call: Call, form: NewLeadForm, error: str) -> Answer:
    """Show the form with what is wrong."""
    state = card_state.state_of(call, current_user, clock.now()) or CardState.OVER
    card = cards.card_of(call, state, None, current_user)
    if card.contact and not card.wants_name:
        # The form in which it would stand has gone.
        toast(error, kind="warning")
        return "", 422
    shown = render_template(
        "calls/_popup_stranger.html", card=card, call=call, error=error, typed_name=form.name.data
    )
    return shown, 422


def _tab() -> trays.TabState:
    kept = (read_id(part) for part in request.args.get("kept", "").split(",")[:MOST_KEPT])
    known = frozenset(call_id for call_id in kept if call_id is not None)
    return trays.TabState(read_id(request.args.get("open")), known)


def _parts(one: trays.Shown) -> tuple[Call, CardState, CallWrapup | None, User]:
    return one.call, one.state, one.wrapup, current_user


def _after_save(call: Call) -> Answer:
    """Show what was written on the call's page; a card and a row in a list leave with it."""
    is_page = _place() == "page"
    if not wants_fragment():
        page = _page("calls.show", call_id=call.id)
        # The form on the call's page may stand at the address to which it was sent and refused.
        return see_other(page if is_page else return_to.here(page))
    if not is_page:
        return make_response("", 200)
    return render_template("calls/_write_ups_of_call.html", **write_ups_of(call))


def _place() -> str:
    """Where the form stands: "card" in the tray, "page" on the call's, else the name of a list."""
    return request.form.get("place", "page")


def _refused(call: Call, form: WrapupForm) -> Answer:
    """Show the form again with what is wrong, without scripts on the call's page."""
    if not wants_fragment():
        return show_call(call, form=form), 422
    place = _place()
    if place != "page":
        # What is being typed there stays as it is.
        prefix = f"wrapup-{call.id}-{place}"
        return render_template(
            "calls/_wrapup_problems.html", problems=form.errors, prefix=prefix
        ), 422
    shown = render_template(
        "calls/_wrapup.html",
        call=call,
        wrapup=wrapup.existing(call, current_user),
        typed=form,
        default_title=call_back(_name(call)),
        outcomes=outcomes.offered(),
        place="page",
    )
    return shown, 422


def _name(call: Call) -> str:
    contact, _candidates = cards.named_to(current_user, call)
    country = current_app.config["DEFAULT_COUNTRY"]
    number = phone_numbers.show(call.outside_number, country)
    return contact.name if contact else number or call.outside_name


def _caller_name(card: cards.Card) -> str:
    if card.contact:
        return card.contact.name
    number = phone_numbers.show(card.call.outside_number, current_app.config["DEFAULT_COUNTRY"])
    several = str(_(" or ")).join(person.name for person in card.candidates)
    return several or number or card.call.outside_name or str(_("Hidden number"))


def _caller_words(card: cards.Card) -> str:
    company = card.contact.company if card.contact else None
    return ", ".join([_caller_name(card), *([company.name] if company else [])])


def _page(endpoint: str, **values: Any) -> str:
    known = endpoint in current_app.view_functions
    return url_for(endpoint, **values) if known else url_for("home.index")


def refusal(error: InvalidInputError) -> str:
    """Say why what was typed about a call was not saved."""
    words = {
        "nothing_written": _("Choose an outcome or write a note."),
        "outcome_unknown": _("This outcome does not exist any more. Choose another one."),
        "note_too_long": _("The note is too long."),
        "day_empty": _("Choose a day."),
        "already_known": _("A colleague has just said who this is."),
        "name_empty": _("Enter a name."),
    }
    return str(words.get(error.code) or _("This could not be saved."))


@bp.app_context_processor
def _words() -> dict[str, object]:
    return {
        "outcome_words": OUTCOME_WORDS,
        "chip_words": CHIP_WORDS,
        "call_back": call_back,
        "caller_name": _caller_name,
        "caller_words": _caller_words,
        "country_name": lambda code: get_locale().territories.get(code, code),
    }
