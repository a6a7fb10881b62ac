"""Pages over lists of calls from the cabinet: upload, what would happen, progress."""

from typing import Any

from flask import Blueprint, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from crm_app.accounts.current import me
from crm_app.extensions import db
from crm_app.telephony.call_files import services
from crm_app.telephony.call_files.models import CallFile
from crm_app.telephony.call_files.reading import UnreadableFileError
from crm_app.telephony.call_files.wording import CLOCK_UNKNOWN, WHY_NOT_READ, WHY_REFUSED
from crm_app.telephony.reconciliation import asking
from crm_app.web import sent_forms
from crm_app.web.access import admin_only
from crm_app.web.fragments import Answer, page_or_fragment, see_other
from crm_app.web.middleware.request_body import accepts_large_body
from crm_app.web.toasts import toast

bp = Blueprint("call_files", __name__, url_prefix="/telephony/history/files")
# A request that takes long to read holds up the calls that come in.
MOST_BYTES = 5 * 1024 * 1024
_FORM_BYTES = 64 * 1024
REFUSALS_SHOWN = 200


@bp.get("")
@admin_only
def index() -> Answer:
    """Show the form for a file, and what became of those before."""
    return _index()


@bp.post("")
@admin_only
@accepts_large_body(MOST_BYTES + _FORM_BYTES)
def upload() -> Answer:
    """Keep a file and show what would become of it."""
    name, content = _sent()
    if len(content) > MOST_BYTES:
        return _index(_too_large()), 422
    try:
        made = sent_forms.made(CallFile, lambda: services.keep(name, content, me()))
    except UnreadableFileError as error:
        db.session.rollback()
        return _index(str(WHY_NOT_READ[error.code])), 422
    db.session.commit()
    return see_other(url_for(".show", file_id=made.id))


@bp.get("/<int:file_id>")
@admin_only
def show(file_id: int) -> Answer:
    """Show what would become of a file, or what has."""
    found = db.get_or_404(CallFile, file_id)
    context: dict[str, Any] = {
        "file": found,
        "refusals": found.refusals[:REFUSALS_SHOWN],
        "why_refused": WHY_REFUSED,
    }
    return page_or_fragment(
        "telephony/call_files/show.html", "telephony/call_files/_file.html", **context
    )


@bp.post("/<int:file_id>/take")
@admin_only
def take_in(file_id: int) -> Response:
    """Take a file in that was checked."""
    db.get_or_404(CallFile, file_id)
    services.take_in(file_id)
    db.session.commit()
    return see_other(url_for(".show", file_id=file_id))


@bp.post("/<int:file_id>/discard")
@admin_only
def discard(file_id: int) -> Response:
    """Forget a file of which nothing is taken in."""
    db.get_or_404(CallFile, file_id)
    is_gone = services.discard(file_id)
    db.session.commit()
    if not is_gone:
        toast(_("This file is being taken in already."), kind="warning")
        return see_other(url_for(".show", file_id=file_id))
    return see_other(url_for(".index"))


def _sent() -> tuple[str, bytes]:
    """Read the file of the form; its copy on the disk is deleted when it is closed."""
    sent = request.files.get("file")
    if sent is None:
        return "", b""
    try:
        return sent.filename or _("Calls"), sent.read()
    finally:
        sent.close()


def _too_large() -> str:
    return str(
        _(
            "The file is larger than %(most)d MB. "
            "The command flask calls import takes larger ones.",
            most=MOST_BYTES // 1024**2,
        )
    )


def _index(problem: str = "") -> str:
    context: dict[str, Any] = {
        "files": services.recent(),
        "problem": problem,
        "most_mb": MOST_BYTES // 1024**2,
        "clock_unknown": "" if asking.time_of_account().is_known else CLOCK_UNKNOWN,
    }
    return page_or_fragment(
        "telephony/call_files/index.html", "telephony/call_files/_box.html", **context
    )
