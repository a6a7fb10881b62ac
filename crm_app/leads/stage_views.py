"""Moving a lead along the pipeline, and the pipeline's own page."""

from collections.abc import Callable

from flask import render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from crm_app.accounts.current import me
from crm_app.accounts.rights import Place, Verb
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.journal.kinds import ONLY
from crm_app.leads import services, stages, wording
from crm_app.leads.forms import KIND_NAMES, LostForm, StageForm
from crm_app.leads.models import Lead, LeadStage, StageKind
from crm_app.leads.views import bp, fetch_whole, render_lead
from crm_app.records.forms import NoteForm
from crm_app.web import sent_forms
from crm_app.web.access import manager_only
from crm_app.web.fragments import Answer, page_or_fragment, see_other, wants_fragment
from crm_app.web.ids import read_id
from crm_app.web.toasts import toast


@bp.get("/<int:lead_id>/stage/<int:stage_id>")
def ask(lead_id: int, stage_id: int) -> Answer:
    """Ask for the reason of a loss; nothing is moved by looking."""
    lead, stage = fetch_whole(lead_id, Verb.EDIT), db.get_or_404(LeadStage, stage_id)
    if stage.kind != StageKind.LOST:
        return see_other(url_for(".show", lead_id=lead.id))
    return _lost_page(LostForm(), lead, stage)


@bp.post("/<int:lead_id>/stage/<int:stage_id>")
def move(lead_id: int, stage_id: int) -> Answer:
    """Move a lead to a stage, with undo; for a lost one the reason comes along."""
    lead, form = fetch_whole(lead_id, Verb.EDIT, Place.ANYWHERE), LostForm()
    try:
        stage = services.stage_for_update(stage_id)
        if stage.kind == StageKind.LOST and not form.validate():
            return _lost_page(form, lead, stage), 422
        left = services.move_to(lead, stage, me(), lost_reason=form.lost_reason.data or "")
    except InvalidInputError as error:
        return _not_moved(lead_id, stage_id, form, error)
    db.session.commit()
    back = url_for(".move_back", lead_id=lead.id, stage_id=left.id, version=lead.version)
    toast(_("Moved to “%(stage)s”.", stage=stage.name), undo_url=back if left != stage else "")
    return _lead_again(lead_id)


@bp.post("/<int:lead_id>/stage/<int:stage_id>/back")
def move_back(lead_id: int, stage_id: int) -> Answer:
    """Undo a move, unless somebody changed the lead since."""
    lead = fetch_whole(lead_id, Verb.EDIT, Place.ANYWHERE)
    try:
        stage = services.stage_for_update(stage_id)
        services.move_back(lead, stage, me(), read_id(request.args.get("version")) or 0)
    except InvalidInputError as error:
        return _not_moved(lead_id, stage_id, LostForm(), error)
    db.session.commit()
    toast(_("Moved back to “%(stage)s”.", stage=stage.name))
    return _lead_again(lead_id)


def _lost_page(form: LostForm, lead: Lead, stage: LeadStage) -> str:
    return page_or_fragment(
        "leads/lost.html", "leads/_lost_form.html", form=form, lead=lead, stage=stage
    )


def _not_moved(lead_id: int, stage_id: int, form: LostForm, error: InvalidInputError) -> Answer:
    db.session.rollback()
    if error.code == "required":
        return see_other(url_for(".ask", lead_id=lead_id, stage_id=stage_id))
    stage = db.session.get(LeadStage, stage_id)
    if stage is not None and form.lost_reason.data:
        # What was typed stays on the screen.
        form.lost_reason.errors = [wording.refusal(error)]
        return _lost_page(form, fetch_whole(lead_id, Verb.EDIT, Place.ANYWHERE), stage), 422
    toast(wording.refusal(error), kind="danger")
    return _lead_again(lead_id)


def _lead_again(lead_id: int) -> Answer:
    if wants_fragment():
        return render_lead(fetch_whole(lead_id, Verb.EDIT, Place.ANYWHERE), NoteForm(formdata=None))
    return see_other(url_for(".show", lead_id=lead_id))


@bp.route("/stages", methods=["GET", "POST"])
@manager_only
def pipeline() -> Answer:
    """Show the stages to be named and ordered; a post adds one."""
    form = StageForm()
    if not form.validate_on_submit():
        return _pipeline_page(form)
    try:
        kind = StageKind(form.kind.data)
        sent_forms.made(LeadStage, lambda: stages.add_stage(form.name.data, kind, me()))
    except InvalidInputError as error:
        form.name.errors = [wording.refusal(error)]
        return _pipeline_page(form)
    return _saved(_("The stage was added."))


@bp.route("/stages/<int:stage_id>", methods=["GET", "POST"])
@manager_only
def change_stage(stage_id: int) -> Answer:
    """Rename a stage or change its kind."""
    stage = db.get_or_404(LeadStage, stage_id)
    form = StageForm(obj=stage)
    if form.validate_on_submit():
        try:
            stages.change_stage(stage, form.name.data, StageKind(form.kind.data), me())
            return _saved(_("The stage was saved."))
        except InvalidInputError as error:
            field = form.name if error.field == "name" else form.kind
            field.errors = [wording.refusal(error)]
    page = render_template("leads/stage.html", form=form, stage=stage, others=_alike(stage))
    return page, 422 if form.is_submitted() else 200


@bp.post("/stages/<int:stage_id>/shift")
@manager_only
def shift_stage(stage_id: int) -> Answer:
    """Move a stage one place up or down the pipeline."""
    stage, up = db.get_or_404(LeadStage, stage_id), request.form.get("to") == "up"
    return _try(lambda: stages.shift(stage, me(), up=up), "")


@bp.post("/stages/<int:stage_id>/empty")
@manager_only
def empty_stage(stage_id: int) -> Answer:
    """Move all leads of a stage to another of its kind."""
    stage = db.get_or_404(LeadStage, stage_id)
    other = db.get_or_404(LeadStage, read_id(request.form.get("stage_id")) or 0)
    return _try(lambda: stages.empty_into(stage, other, me()), _("The leads were moved."))


@bp.post("/stages/<int:stage_id>/delete")
@manager_only
def delete_stage(stage_id: int) -> Answer:
    """Take an empty stage out of the pipeline."""
    stage = db.get_or_404(LeadStage, stage_id)
    return _try(lambda: stages.delete_stage(stage, me()), _("The stage was deleted."))


def _try(verb: Callable[[], object], done: str) -> Answer:
    try:
        verb()
    except InvalidInputError as error:
        db.session.rollback()
        toast(wording.refusal(error), kind="danger")
        return see_other(url_for(".pipeline"))
    return _saved(done)


def _saved(text: str) -> Response:
    db.session.commit()
    if text:
        toast(text)
    return see_other(url_for(".pipeline"))


def _alike(stage: LeadStage) -> list[LeadStage]:
    everyone = db.session.scalars(stages.in_order())
    return [other for other in everyone if other.kind == stage.kind and other.id != stage.id]


def _pipeline_page(form: StageForm) -> Answer:
    page = render_template(
        "leads/stages.html",
        form=form,
        stages=db.session.scalars(stages.in_order()).all(),
        counts=stages.counts(),
        kinds=KIND_NAMES,
        history=wording.PIPELINE_HISTORY.of(ONLY),
    )
    return page, 422 if form.is_submitted() else 200
