"""The pages of the call log."""

from typing import Any

from flask import Blueprint, Response, g, request, url_for
from flask_babel import gettext as _

from crm_app.accounts.colleagues import colleagues
from crm_app.accounts.current import me
from crm_app.accounts.rights import Verb, fetch
from crm_app.calls import listing, naming, narrowing, services, wording
from crm_app.calls.listing import CallFilter
from crm_app.calls.models import Call, CallFact, CallWrapup
from crm_app.calls.popups.card_state import has_to_write
from crm_app.calls.popups.cards import named_to
from crm_app.calls.why_match import explain
from crm_app.calls.wrapup import later, outcomes, waiting
from crm_app.calls.wrapup.forms import OUTCOME_WORDS, WrapupForm, call_back
from crm_app.calls.wrapup.services import existing
from crm_app.contacts.listing import find_contacts
from crm_app.contacts.models import Contact
from crm_app.contacts.numbers.not_this_person import refused_of
from crm_app.contacts.services import in_bin_with
from crm_app.extensions import db
from crm_app.journal import services as journal
from crm_app.journal.history import History, Line
from crm_app.journal.kinds import RecordKind
from crm_app.leads.models import Lead
from crm_app.leads.services import open_leads, open_leads_of_numbers
from crm_app.local_time import LocalTime
from crm_app.records.undo import CannotUndoError
from crm_app.web.display.formatting import choose_timezone, phone, url_with
from crm_app.web.fragments import page_or_fragment, see_other, wants_fragment
from crm_app.web.ids import read_id
from crm_app.web.toasts import toast
from crm_app.web.wording import reason

bp = Blueprint("calls", __name__, url_prefix="/calls")


@bp.app_template_global()
def named(call: Call) -> Contact | None:
    """Return the contact of a call, for templates, if the reader may see its name."""
    return naming.named(call, me())


@bp.app_template_global()
def outcome_name(code: str) -> str:
    """Return what the office calls an outcome, also one that is offered no more."""
    return _outcome_labels().get(code) or str(OUTCOME_WORDS.get(code, code))


@bp.app_template_global()
def write_ups_open(but: int | None = None) -> int:
    """Count what waits to be written up, the call of the id `but` left out."""
    return waiting.open_count(me(), but)


@bp.app_template_global()
def why_missed(call: Call) -> str:
    """Say why a call was missed, by the opening hours as they are now; "" for any other."""
    if call.why_missed is None:
        return ""
    return wording.why_missed(call, is_open=narrowing.office_hours().is_open(call.started_at))


@bp.context_processor
def words() -> dict[str, Any]:
    """Return the words of statuses and directions, for templates."""
    return {
        "statuses": wording.STATUSES,
        "directions": wording.DIRECTIONS,
        "source_words": wording.SOURCE_WORDS,
        "match_words": wording.match_words,
        "call_country": wording.country,
    }


@bp.get("")
def index() -> str:
    """List the calls, narrowed by what the address says."""
    filters = CallFilter.from_args(request.args)
    local = LocalTime.of(narrowing.office_timezone() if filters.clock else choose_timezone())
    asked = read_id(filters.contact)
    contact = fetch(Contact, asked, me(), Verb.VIEW) if filters.contact else None
    page = listing.list_calls(me(), filters, local, request.args.get("cursor", ""))
    return page_or_fragment(
        "calls/index.html",
        "calls/_list.html",
        page=page,
        filters=filters,
        narrowed=_narrowed(filters),
        choices={} if wants_fragment() else _choices(),
        contact=contact,
        people=listing.possible_contacts(page.rows, me()),
    )


def _outcome_labels() -> dict[str, str]:
    if "outcome_labels" not in g:
        g.outcome_labels = outcomes.labels()
    labels: dict[str, str] = g.outcome_labels
    return labels


def _narrowed(filters: CallFilter) -> list[tuple[tuple[str, ...], str, str]]:
    """Return what no field shows: the names, a sentence, the address without it."""
    return [
        (names, sentence, url_with(**dict.fromkeys((*names, "cursor"), "")))
        for names, sentence in wording.narrowed(filters)
    ]


def _choices() -> dict[str, list[tuple[str, str]]]:
    """Return what can be chosen in the filter, by the names of the filter's fields."""
    return {
        "direction": [(code, str(words)) for code, (words, _icon) in wording.DIRECTIONS.items()],
        "result": [(code, str(words)) for code, (words, _colour) in wording.STATUSES.items()],
        "outcome": [(code, outcome_name(code)) for code in _outcome_labels()],
        "reason": wording.reasons(),
        "user": [(str(user.id), user.name) for user in colleagues()],
        "line": [
            *((line, phone(line)) for line in listing.lines()),
            (listing.NO_LINE, _("No line named")),
        ],
    }


@bp.get("/<int:call_id>")
def show(call_id: int) -> str:
    """Show one call: who, how it went, what the PBX said, whom it was with."""
    return show_call(fetch(Call, call_id, me(), Verb.VIEW), edits=read_id(request.args.get("edit")))


def show_call(call: Call, *, edits: int | None = None, form: WrapupForm | None = None) -> str:
    """Draw the page of a call, with the write-up of the id `edits` as a form."""
    people = listing.possible_contacts([call], me())
    contact = naming.named(call, me())
    contacts = [contact] if contact else people.get(call.outside_number, [])
    facts = list(db.session.scalars(CallFact.of(call.pbx_call_id)))
    is_secret = call.contact is not None and contact is None
    return page_or_fragment(
        "calls/show.html",
        "calls/_facts.html",
        is_fragment=wants_fragment(),
        people=people,
        leads=open_leads([contact.id for contact in contacts], me())
        or open_leads_of_numbers([call.outside_number], me()),
        match=None if is_secret else explain(call, contact, contacts, facts),
        history=wording.history(facts),
        refused=refused_of(call.outside_number),
        from_bin=in_bin_with([call.outside_number], me()) if not contacts else [],
        edits=edits,
        typed=form,
        **write_ups_of(call),
    )


def write_ups_of(call: Call) -> dict[str, Any]:
    """Return what a call's page shows of what was written about it, and the form of who has not."""
    saved = list(
        db.session.scalars(
            db.select(CallWrapup)
            .where(CallWrapup.call_id == call.id, CallWrapup.saved_at.is_not(None))
            .order_by(CallWrapup.id)
        )
    )
    contact, _candidates = named_to(me(), call)
    mine = existing(call, me())
    is_written = mine is not None and mine.saved_at is not None
    return {
        "call": call,
        "write_ups": [(row, later.may_revise(row, me()), _revisions(row)) for row in saved],
        "wrapup": mine,
        "asks": not (call.is_live or is_written) and (mine is not None or has_to_write(call, me())),
        "outcomes": outcomes.offered(),
        "default_title": call_back(
            contact.name if contact else phone(call.outside_number) or call.outside_name
        ),
    }


def _revisions(row: CallWrapup) -> list[Line]:
    labels = {"outcome": _("Outcome"), "note": _("Note")}
    actions = {
        "created": _("wrote it up"),
        "changed": _("changed it"),
        "taken_back": _("took it back"),
    }
    worded = lambda field, value: outcome_name(value) if field == "outcome" else value  # noqa: E731
    lines = History(RecordKind.WRITE_UP, labels, actions, worded).of(row.id)
    return lines if len(lines) > 1 else []


@bp.get("/<int:call_id>/attach")
def choose(call_id: int) -> str:
    """Look for the contact that a call was with."""
    call = fetch(Call, call_id, me(), Verb.EDIT)
    q = request.args.get("q", "").strip()
    return page_or_fragment(
        "calls/choose.html",
        "calls/_choices.html",
        call=call,
        q=q,
        contacts=find_contacts(me(), q),
    )


@bp.post("/<int:call_id>/attach")
def attach(call_id: int) -> Response:
    """Say whom a call was with; can be undone."""
    call, page = fetch(Call, call_id, me(), Verb.EDIT), url_for("calls.show", call_id=call_id)
    try:
        with journal.batch() as batch:
            _attach(call)
    except CannotUndoError as error:
        db.session.rollback()
        toast(reason(error), kind="danger")
        return see_other(page)
    name = call.contact.name if call.contact else ""
    db.session.commit()
    message = (
        _("The call was with %(name)s.", name=name)
        if name
        else _("The contact was removed from the call.")
    )
    toast(message, undo_url=url_for("calls.attach", call_id=call_id, undo=batch))
    return see_other(page)


def _attach(call: Call) -> None:
    if batch := request.args.get("undo"):
        services.attach_back(call, batch, me())
    elif request.values.get("automatic"):
        services.match_contact(call, me())
    else:
        contact_id = read_id(request.values.get("contact_id"))
        contact = fetch(Contact, contact_id, me(), Verb.VIEW) if contact_id is not None else None
        keeps_number = "keeps_number" in request.form
        services.attach_contact(call, contact, me(), keeps_number=keeps_number)


@bp.post("/<int:call_id>/lead")
def set_lead(call_id: int) -> Response:
    """Say which lead a call was about, or that it was about none."""
    call = fetch(Call, call_id, me(), Verb.EDIT)
    lead_id = read_id(request.form.get("lead_id"))
    lead = fetch(Lead, lead_id, me(), Verb.VIEW) if lead_id is not None else None
    services.attach_lead(call, lead, me())
    db.session.commit()
    return see_other(url_for("calls.show", call_id=call_id))


@bp.get("/for-contact/<int:contact_id>")
def for_contact(contact_id: int) -> str:
    """Show the latest calls with a contact, as a box of the contact's page."""
    contact = fetch(Contact, contact_id, me(), Verb.VIEW)
    page = listing.latest_of_contact(me(), contact)
    url = url_for("calls.index", contact=contact.id)
    return _box(page.rows, all_url=url if page.next else "", name=contact.name)


@bp.get("/for-lead/<int:lead_id>")
def for_lead(lead_id: int) -> str:
    """Show the latest calls about a lead, as a box of the lead's page."""
    lead = fetch(Lead, lead_id, me(), Verb.VIEW)
    page = listing.latest_of_lead(me(), lead)
    has_more = page.next and lead.contact is not None
    url = url_for("calls.index", contact=lead.contact_id) if has_more else ""
    return _box(page.rows, all_url=url, name=lead.title)


def _box(calls: list[Call], **context: Any) -> str:
    return page_or_fragment("calls/box.html", "calls/_box.html", calls=calls, **context)
