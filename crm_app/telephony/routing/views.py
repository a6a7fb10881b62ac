"""The black list and its buttons, and the preview of the settings page."""

from flask import Blueprint, current_app, render_template, request, url_for
from flask_babel import format_date
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import or_, select

from crm_app import phone_numbers
from crm_app.accounts.current import me
from crm_app.config import Config
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.paging import fetch_page
from crm_app.telephony.models import BlockedNumber, DirectNumber, TelephonySettings
from crm_app.telephony.routing import black_list, wording
from crm_app.telephony.routing.forms import BlockForm, PreviewForm
from crm_app.telephony.routing.preview import Office, Preview, preview
from crm_app.web.access import admin_only
from crm_app.web.display.formatting import when
from crm_app.web.fragments import Answer, see_other, wants_fragment
from crm_app.web.toasts import toast

bp = Blueprint("routing", __name__, url_prefix="/telephony")
_FOUND_BY = (BlockedNumber.pattern, BlockedNumber.reason)


@bp.get("/black-list")
def index() -> Answer:
    """List whose calls are refused, the newest first."""
    return _list(BlockForm())


@bp.post("/black-list")
def block() -> Answer:
    """Put a number on the black list; a button of a card gets a sentence in its place."""
    form, is_button = BlockForm(), wants_fragment() and "button" in request.form
    try:
        if not form.validate():
            return _ask(form) if is_button else _list(form)
        row = black_list.block(
            form.number.data,
            _config().default_country,
            me(),
            reason=form.reason.data or "",
            until=form.until,
            is_confirmed=form.is_confirmed,
        )
    except InvalidInputError as error:
        db.session.rollback()
        if error.field == "confirm" and not is_button:
            return _list(form, wording.refusal(error))
        field = {"until": form.until_on, "reason": form.reason}.get(error.field, form.number)
        field.errors = [wording.refusal(error)]
        return _ask(form) if is_button else _list(form)
    db.session.commit()
    if is_button:
        return _button(row.pattern)
    toast(_("%(number)s is on the black list.", number=_shown(row.pattern)))
    return see_other(url_for("routing.index"))


@bp.get("/black-list/new")
def new() -> Answer:
    """Ask why the calls of a number are to be refused."""
    number = request.args.get("number", "")
    form = BlockForm(formdata=None, number=number)
    if wants_fragment() and black_list.find(number) is not None:
        return _button(number)
    try:
        black_list.check(number, _config().default_country)
    except InvalidInputError as error:
        form.number.errors = [wording.refusal(error)]
    return _ask(form)


@bp.get("/black-list/button")
def button() -> Answer:
    """Draw the button again, because nothing is to be refused after all."""
    return render_template("telephony/_block_link.html", number=request.args.get("number", ""))


@bp.post("/black-list/remove")
def unblock() -> Answer:
    """Take a number off the black list."""
    pattern = request.form.get("number", "")
    try:
        black_list.unblock(pattern, _config().default_country, me())
    except InvalidInputError as error:
        db.session.rollback()
        toast(wording.refusal(error), kind="warning")
    else:
        db.session.commit()
        toast(_("%(number)s is not on the black list any longer.", number=_shown(pattern)))
    if wants_fragment() and "button" in request.form:
        return _button(pattern)
    return see_other(url_for("routing.index"))


@bp.get("/preview")
@admin_only
def show_preview() -> Answer:
    """Say what would happen if a number rang: each rule in turn, and the very answer."""
    form = PreviewForm(request.args)
    found = _previewed(form) if "number" in request.args and form.validate() else None
    template = "telephony/_preview.html" if wants_fragment() else "telephony/preview.html"
    page = render_template(template, form=form, found=found, words=wording)
    return page, 422 if form.errors else 200


@bp.app_template_global()
def lines_of_office() -> list[str]:
    """List the account's numbers, for the choice of a line."""
    return list(db.session.scalars(select(DirectNumber.number).order_by(DirectNumber.number)))


@bp.app_template_global()
def preview_form() -> PreviewForm:
    """Make the empty form of a preview, for the settings page."""
    return PreviewForm(formdata=None)


def _previewed(form: PreviewForm) -> Preview | None:
    config, switches = _config(), TelephonySettings.current().switches
    office = Office(config.default_country, config.default_timezone)
    number, line = form.number.data or "", form.line.data or ""
    try:
        return preview(db.session.connection(), office, switches, number, line, form.at)
    except InvalidInputError as error:
        form[error.field].errors = [wording.refusal(error)]
        return None


def _list(form: BlockForm, question: str = "") -> Answer:
    query = request.args.get("q", "").strip()
    statement = black_list.listed()
    if query:
        statement = statement.where(
            or_(*(column.icontains(query, autoescape=True) for column in _FOUND_BY))
        )
    page = fetch_page(
        db.session,
        statement,
        (BlockedNumber.at, BlockedNumber.id),
        cursor=request.args.get("cursor", ""),
        descending=True,
    )
    context = {
        "entries": black_list.with_counts(page.rows),
        "page": page,
        "form": form,
        "question": question,
        "query": query,
        "may_unblock": lambda row: black_list.may_unblock(current_user, row),
        "mode": TelephonySettings.current().switches.black_list,
    }
    status = 422 if form.errors or question else 200
    return render_template("telephony/black_list.html", **context), status


def _button(number: str) -> str:
    """Draw the button of a number, or that it is on the list and how it is taken off."""
    row = black_list.find(number)
    if row is None:
        return render_template("telephony/_block_link.html", number=number)
    may_unblock = black_list.may_unblock(me(), row)
    return render_template("telephony/_blocked.html", row=row, may_unblock=may_unblock)


def _ask(form: BlockForm) -> Answer:
    template = "telephony/_block_form.html" if wants_fragment() else "telephony/block.html"
    return render_template(template, form=form), 422 if form.is_submitted() else 200


@bp.app_template_filter("pattern")
def _shown(pattern: str) -> str:
    if pattern.endswith("*"):
        return pattern
    return phone_numbers.show(pattern, _config().default_country)


@bp.app_template_filter("ending_of")
def _ending_of(row: BlockedNumber) -> str:
    """Write until when an entry holds: a day, or a moment."""
    day = black_list.last_day(row, _config().default_timezone)
    return when(row.expires_at) if day is None else str(format_date(day, "medium"))


def _config() -> Config:
    config: Config = current_app.extensions["settings"]
    return config
