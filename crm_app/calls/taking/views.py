"""What was taken along with numbers and extensions, and the way back."""

from flask import Response, abort, url_for
from flask_babel import gettext as _
from sqlalchemy import select

from crm_app.accounts.current import me
from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb, fetch
from crm_app.calls.taking import services
from crm_app.calls.taking.models import TakenCalls
from crm_app.calls.views import bp
from crm_app.contacts.models import Contact
from crm_app.extensions import db
from crm_app.journal.models import JournalEntry
from crm_app.web.access import admin_only
from crm_app.web.fragments import page_or_fragment, see_other
from crm_app.web.toasts import toast


@bp.app_template_global()
def taken_back_url(entry: JournalEntry) -> str:
    """Return where a step of the history can be undone, "" when it is none or was undone."""
    if entry.action != "calls_taken":
        return ""
    taken = db.session.get(TakenCalls, entry.changes["calls_taken"]["new"]["value"][0])
    if taken is None or taken.undone_at is not None:
        return ""
    return url_for("calls.give_back", taken_id=taken.id)


@bp.post("/taken/<int:taken_id>/undo")
def give_back(taken_id: int) -> Response:
    """Take the calls away again from whom they were given to."""
    taken = db.session.get(TakenCalls, taken_id)
    if taken is None:
        abort(404)
    if taken.contact_id is not None:
        contact = fetch(Contact, taken.contact_id, me(), Verb.EDIT)
        page = url_for("contacts.show", contact_id=contact.id)
    else:
        if not me().is_admin:
            abort(404)
        page = url_for("accounts.edit", user_id=taken.owner_id)
    services.undo(taken, me())
    db.session.commit()
    toast(_("The calls are being taken back."))
    return see_other(page)


@bp.get("/taken-by/<int:user_id>")
@admin_only
def taken_by(user_id: int) -> str:
    """List the earlier calls that a colleague got with an extension."""
    user = db.session.get(User, user_id) or abort(404)
    done = select(TakenCalls).where(TakenCalls.owner_id == user.id, TakenCalls.count > 0)
    return page_or_fragment(
        "calls/taken_by.html",
        "calls/_taken_by.html",
        user=user,
        taken=db.session.scalars(done.order_by(TakenCalls.id.desc()).limit(20)).all(),
    )
