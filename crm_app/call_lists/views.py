"""The pages of call lists: make one, work through it, see what became of it."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, abort, render_template, request, url_for
from flask_babel import get_timezone
from flask_babel import gettext as _

from crm_app.accounts.current import me
from crm_app.accounts.models import User
from crm_app.call_lists import membership, services
from crm_app.call_lists.forms import REASONS, ListForm
from crm_app.call_lists.models import CallList, CallListEntry, Of
from crm_app.calls.popups.views import refusal
from crm_app.calls.views import outcome_name
from crm_app.calls.wrapup import outcomes
from crm_app.calls.wrapup import services as wrapup
from crm_app.calls.wrapup.forms import CHIP_WORDS, OUTCOME_WORDS, WrapupForm, call_back
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.local_time import LocalTime
from crm_app.records.lists import ListFilter
from crm_app.web import sent_forms
from crm_app.web.display.formatting import choose_timezone
from crm_app.web.fragments import Answer, see_other, wants_fragment
from crm_app.web.toasts import toast
from crm_app.web.wording import reason

bp = Blueprint("call_lists", __name__, url_prefix="/call-lists")


@bp.get("")
def index() -> str:
    """List the lists that are open, and those that were closed last."""
    open_, closed = services.lists(), services.lists(closed=True)
    counted = services.counts([one.id for one in (*open_, *closed)])
    return render_template("call_lists/index.html", open=open_, closed=closed, counts=counted)


@bp.route("/new", methods=["GET", "POST"])
def new() -> Answer:
    """Ask for a name of the list of a filter, and say whom it would hold; a post makes it."""
    of = Of.LEADS if request.args.get("of") == Of.LEADS else Of.CONTACTS
    filters, form = membership.FILTERS[of].from_args(request.args), ListForm()
    if not form.validate_on_submit():
        return _form_page(of, filters, form)
    try:
        made = sent_forms.made(CallList, lambda: _made(of, filters, form), gone="closed_at")
    except InvalidInputError as error:
        db.session.rollback()
        form.name.errors = [_words(error)]
        return _form_page(of, filters, form)
    db.session.commit()
    return see_other(url_for(".show", list_id=made.id))


def _made(of: Of, filters: ListFilter, form: ListForm) -> CallList:
    return membership.make(
        of,
        filters,
        me(),
        LocalTime.of(choose_timezone()),
        name=form.name.data or "",
        calls_do_not_call=form.calls_do_not_call.data,
    )


@bp.get("/<int:list_id>")
def show(list_id: int) -> Answer:
    """Show whom one is to call now, how far the list has come, and what became of it.

    A page that is open asks for the parts that colleagues change, and not for the form.
    """
    call_list = db.get_or_404(CallList, list_id)
    entry = services.held_by(call_list, me())
    if wants_fragment():
        return _part(call_list, entry)
    if entry is not None:
        # Who looks at it is at work on it.
        services.touch(entry)
        db.session.commit()
    return _page(call_list, entry)


@bp.post("/<int:list_id>/next")
def take(list_id: int) -> Answer:
    """Give the user the next one to call; nothing is dialled."""
    call_list = db.get_or_404(CallList, list_id)
    try:
        entry = services.take_next(call_list, me())
    except InvalidInputError as error:
        return _refused(error, list_id)
    db.session.commit()
    if entry is None:
        toast(_("Nobody is left on this list."), kind="info")
    return see_other(url_for(".show", list_id=list_id))


@bp.post("/<int:list_id>/entries/<int:entry_id>")
def write_up(list_id: int, entry_id: int) -> Answer:
    """Write up how it went; `then` says whether the user wants the next one."""
    call_list, entry = _mine(list_id, entry_id)
    form = WrapupForm()
    if not form.validate():
        return _page(call_list, entry, form), 422
    title = call_back(entry.name)
    try:
        services.write_up(entry, me(), form.written(), get_timezone(), title)
    except InvalidInputError as error:
        db.session.rollback()
        if error.code == "not_yours":
            return _refused(error, list_id)
        form[error.field].errors = [_words(error)]
        return _page(call_list, services.held_by(call_list, me()), form), 422
    db.session.commit()
    return _go_on(call_list)


@bp.post("/<int:list_id>/entries/<int:entry_id>/later")
def later(list_id: int, entry_id: int) -> Answer:
    """Put the user's entry to the end of the list."""
    return _leave(list_id, entry_id, services.put_back)


@bp.post("/<int:list_id>/entries/<int:entry_id>/skip")
def skip(list_id: int, entry_id: int) -> Answer:
    """Leave the user's entry out."""
    return _leave(list_id, entry_id, services.skip)


@bp.post("/<int:list_id>/entries/<int:entry_id>/release")
def release(list_id: int, entry_id: int) -> Answer:
    """Give the user's entry back."""
    return _leave(list_id, entry_id, services.release)


@bp.post("/<int:list_id>/entries/<int:entry_id>/back")
def bring_back(list_id: int, entry_id: int) -> Answer:
    """Let one be called again who was called or skipped."""
    services.bring_back(_entry_or_404(list_id, entry_id))
    db.session.commit()
    return see_other(url_for(".show", list_id=list_id))


@bp.post("/<int:list_id>/close")
def close(list_id: int) -> Answer:
    """Close a list."""
    return _change(list_id, services.close)


@bp.post("/<int:list_id>/open")
def open_again(list_id: int) -> Answer:
    """Open a closed list again."""
    return _change(list_id, services.open_again)


def _change(list_id: int, verb: Callable[[CallList], None]) -> Answer:
    """Close or open a list: who made it may, and managers."""
    call_list = db.get_or_404(CallList, list_id)
    if not call_list.may_be_closed_by(me()):
        abort(403)
    verb(call_list)
    db.session.commit()
    return see_other(url_for(".show", list_id=list_id))


def _leave(list_id: int, entry_id: int, verb: Callable[[CallListEntry, User], None]) -> Answer:
    call_list, entry = _mine(list_id, entry_id)
    try:
        verb(entry, me())
    except InvalidInputError as error:
        return _refused(error, list_id)
    db.session.commit()
    return _go_on(call_list)


def _go_on(call_list: CallList) -> Answer:
    """Give the next one to a user who pressed for it, else show the list."""
    if request.form.get("then") == "next":
        return take(call_list.id)
    return see_other(url_for(".show", list_id=call_list.id))


def _entry_or_404(list_id: int, entry_id: int) -> CallListEntry:
    entry = services.find_entry(entry_id, me())
    if entry is None or entry.list_id != list_id:
        abort(404)
    return entry


def _mine(list_id: int, entry_id: int) -> tuple[CallList, CallListEntry]:
    return db.get_or_404(CallList, list_id), _entry_or_404(list_id, entry_id)


def _refused(error: InvalidInputError, list_id: int) -> Answer:
    db.session.rollback()
    toast(_words(error), kind="danger")
    return see_other(url_for(".show", list_id=list_id))


def _words(error: InvalidInputError) -> str:
    if error.code in REASONS:
        return str(REASONS[error.code])
    return reason(error) if error.field == "name" else refusal(error)


def _form_page(of: Of, filters: ListFilter, form: ListForm) -> Answer:
    counted = membership.count(of, filters, me(), LocalTime.of(choose_timezone()))
    page = render_template(
        "call_lists/new.html",
        is_leads=of is Of.LEADS,
        form=form,
        counted=counted,
        most=membership.MOST,
        back=f"{url_for(f'{of}.index')}?{urlencode(filters.to_args())}",
    )
    return page, 422 if form.is_submitted() else 200


def _part(call_list: CallList, entry: CallListEntry | None) -> str:
    part = "results" if request.args.get("part") == "results" else "progress"
    return render_template(f"call_lists/_{part}.html", **_seen(call_list, entry))


def _seen(call_list: CallList, entry: CallListEntry | None) -> dict[str, Any]:
    user = me()
    return {
        "list": call_list,
        "entry": entry,
        "progress": services.progress(call_list, user),
        "others": services.held_by_others(call_list, user),
        "results": services.results(call_list, user, request.args.get("cursor", "")),
        "outcome_name": outcome_name,
    }


def _page(call_list: CallList, entry: CallListEntry | None, form: WrapupForm | None = None) -> str:
    user = me()
    call = services.call_of(entry, user) if entry else None
    return render_template(
        "call_lists/show.html",
        call=call,
        wrapup=wrapup.existing(call, user) if call else None,
        typed=form,
        outcomes=outcomes.offered(),
        outcome_words=OUTCOME_WORDS,
        chip_words=CHIP_WORDS,
        default_title=call_back(entry.name) if entry else "",
        **_seen(call_list, entry),
    )
