"""The page on which managers name and order the outcomes of the wrap-up."""

from collections.abc import Callable
from typing import Any

from flask import render_template, request, url_for
from flask_babel import gettext as _

from crm_app import database
from crm_app.accounts.current import me
from crm_app.calls.models import CallOutcome
from crm_app.calls.views import bp
from crm_app.calls.wrapup import outcomes
from crm_app.calls.wrapup.forms import OUTCOME_WORDS, OutcomeForm
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.journal.history import History
from crm_app.journal.kinds import ONLY, RecordKind
from crm_app.web import sent_forms
from crm_app.web.access import manager_only
from crm_app.web.fragments import Answer, see_other
from crm_app.web.toasts import toast
from crm_app.web.wording import reason


@bp.route("/outcomes", methods=["GET", "POST"])
@manager_only
def outcome_list() -> Answer:
    """Show the outcomes in the order of their keys; a post adds one."""
    _store_defaults()
    form = OutcomeForm()
    if not form.validate_on_submit():
        return _page(form)
    return _try(
        lambda: sent_forms.made(
            CallOutcome, lambda: outcomes.add(form.label.data, me(), _words()), gone="removed_at"
        ),
        _("Added."),
        form,
    )


@bp.post("/outcomes/<int:outcome_id>")
@manager_only
def rename_outcome(outcome_id: int) -> Answer:
    """Rename an outcome."""
    outcome, form = db.get_or_404(CallOutcome, outcome_id), OutcomeForm()
    if not form.validate():
        return _page(form, outcome_id)
    return _try(
        lambda: outcomes.rename(outcome, form.label.data, me(), _words()),
        _("Saved."),
        form,
        outcome_id,
    )


@bp.post("/outcomes/<int:outcome_id>/shift")
@manager_only
def shift_outcome(outcome_id: int) -> Answer:
    """Move an outcome one place up or down."""
    outcome, up = db.get_or_404(CallOutcome, outcome_id), request.form.get("to") == "up"
    return _try(lambda: outcomes.shift(outcome, me(), _words(), up=up), "")


@bp.post("/outcomes/<int:outcome_id>/remove")
@manager_only
def remove_outcome(outcome_id: int) -> Answer:
    """Offer an outcome no more, with undo."""
    outcome = db.get_or_404(CallOutcome, outcome_id)
    undo_url = url_for(".bring_back_outcome", outcome_id=outcome_id)
    return _try(lambda: outcomes.remove(outcome, me(), _words()), _("Removed."), undo_url=undo_url)


@bp.post("/outcomes/<int:outcome_id>/back")
@manager_only
def bring_back_outcome(outcome_id: int) -> Answer:
    """Offer an outcome again."""
    outcome = db.get_or_404(CallOutcome, outcome_id)
    return _try(lambda: outcomes.bring_back(outcome, me()), _("It is offered again."))


def _try(
    verb: Callable[[], object],
    done: str,
    form: OutcomeForm | None = None,
    outcome_id: int = 0,
    *,
    undo_url: str = "",
) -> Answer:
    try:
        verb()
    except InvalidInputError as error:
        db.session.rollback()
        if form is not None:
            form.label.errors = [_refusal(error)]
            return _page(form, outcome_id)
        toast(_refusal(error), kind="danger")
        return see_other(url_for(".outcome_list"))
    db.session.commit()
    if done:
        toast(done, undo_url=undo_url)
    return see_other(url_for(".outcome_list"))


def _page(form: OutcomeForm, refused_id: int = 0) -> Answer:
    """Show the list; `refused_id` is the outcome that `form` belongs to, 0 when it adds one."""
    words = _words()
    history = History(
        RecordKind.OUTCOMES,
        {"outcomes": _("Outcomes")},
        {"outcomes_changed": _("changed the outcomes")},
        lambda _field, value: " · ".join(words.get(name, name) for name in value or ()),
    )
    page = render_template(
        "calls/outcomes.html",
        form=form,
        refused_id=refused_id,
        outcomes=outcomes.offered(),
        most=outcomes.MOST,
        history=history.of(ONLY),
    )
    db.session.commit()
    return page, 422 if form.errors else 200


def _store_defaults() -> None:
    """Store what an office begins with, once; showing a page else only reads."""
    if outcomes.offered()[0].id is not None:
        return
    # The transaction of a page that is shown may not write: on SQLite it would not wait its turn.
    db.session.commit()
    database.set_reads_only(False)
    outcomes.ensure()
    db.session.commit()


def _words() -> dict[str, Any]:
    return {code: str(word) for code, word in OUTCOME_WORDS.items()}


def _refusal(error: InvalidInputError) -> str:
    words = {
        "name_empty": _("Enter a name."),
        "outcome_taken": _("There is an outcome with this name."),
        "too_many_outcomes": _("There can be nine outcomes, one for each key. Remove one first."),
        "last_outcome": _("One outcome must stay."),
    }
    return str(words.get(error.code) or reason(error))
