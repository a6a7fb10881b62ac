"""What waits to be written up, as a panel, a box and a page; what is done about it afterwards."""

from flask import abort, make_response, render_template, request, url_for
from flask_babel import gettext as _

from crm_app.accounts.current import me
from crm_app.accounts.rights import Verb, fetch
from crm_app.calls.models import Call, CallWrapup
from crm_app.calls.popups.views import own_call_or_404, refusal
from crm_app.calls.views import bp, show_call
from crm_app.calls.wrapup import later, outcomes, waiting
from crm_app.calls.wrapup.forms import WrapupForm
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.web import return_to
from crm_app.web.access import background
from crm_app.web.fragments import Answer, see_other, wants_fragment
from crm_app.web.toasts import toast


@bp.get("/write-ups")
@background
def write_ups() -> str:
    """List what waits for this user: the panel of the last day, Today's box, or all on a page."""
    is_panel = wants_fragment() and "today" not in request.args
    return render_template(
        "calls/_write_ups.html" if wants_fragment() else "calls/write_ups.html",
        place="panel" if is_panel else "today" if wants_fragment() else "list",
        waiting=waiting.waiting(me(), waiting.COUNTED_FOR if is_panel else None),
        outcomes=outcomes.offered(),
    )


@bp.post("/<int:call_id>/write-up/back")
def take_back(call_id: int) -> Answer:
    """Undo a write-up: it is a draft again, and waits."""
    call = own_call_or_404(call_id)
    is_back = later.take_back(call, me())
    db.session.commit()
    if is_back:
        toast(_("Taken back. The call waits to be written up again."), kind="info")
    return see_other(return_to.here(url_for("calls.show", call_id=call_id)))


@bp.post("/<int:call_id>/write-up/dismiss")
def dismiss(call_id: int) -> Answer:
    """Ask no more to write a call up."""
    call = own_call_or_404(call_id)
    waiting.dismiss(call, me())
    db.session.commit()
    if wants_fragment():
        return make_response("", 200)
    return see_other(return_to.here(url_for(".write_ups")))


@bp.post("/<int:call_id>/write-ups/<int:wrapup_id>")
def revise(call_id: int, wrapup_id: int) -> Answer:
    """Change what was written up; its author and managers may."""
    call, row = fetch(Call, call_id, me(), Verb.VIEW), db.session.get(CallWrapup, wrapup_id)
    if row is None or row.call_id != call.id or not later.may_revise(row, me()):
        abort(404)
    form = WrapupForm()
    if not form.validate():
        return show_call(call, edits=row.id, form=form), 422
    try:
        later.revise(row, form.outcome.data, form.note.data, me())
    except InvalidInputError as error:
        db.session.rollback()
        form[error.field].errors = [refusal(error)]
        return show_call(call, edits=wrapup_id, form=form), 422
    db.session.commit()
    toast(_("Saved."))
    return see_other(url_for("calls.show", call_id=call_id))
