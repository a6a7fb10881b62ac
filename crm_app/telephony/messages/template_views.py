"""The page on which administrators keep the office's texts for messages."""

from flask import Blueprint, render_template, url_for
from flask_babel import gettext as _

from crm_app.accounts.current import me
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.telephony.messages import templates
from crm_app.telephony.messages.forms import TemplateForm, refusal
from crm_app.telephony.messages.models import MessageTemplate
from crm_app.telephony.messages.parts import size_of
from crm_app.telephony.messages.wording import length
from crm_app.web.access import admin_only
from crm_app.web.fragments import Answer, see_other
from crm_app.web.sent_forms import made
from crm_app.web.toasts import toast

bp = Blueprint("message_templates", __name__, url_prefix="/messages/templates")


@bp.route("", methods=["GET", "POST"])
@admin_only
def index() -> Answer:
    """List the texts; a post adds one."""
    form = TemplateForm()
    if not form.validate_on_submit():
        return _page(form)
    try:
        made(MessageTemplate, lambda: templates.add(form.name.data, form.text.data, me()))
    except InvalidInputError as error:
        db.session.rollback()
        form[error.field].errors = [refusal(error)]
        return _page(form)
    db.session.commit()
    toast(_("The template was added."))
    return see_other(url_for(".index"))


@bp.route("/<int:template_id>", methods=["GET", "POST"])
@admin_only
def edit(template_id: int) -> Answer:
    """Show one text as a form; a post changes it."""
    template = templates.fetch(template_id)
    form = TemplateForm(obj=template)
    if not form.validate_on_submit():
        return _page(form, template)
    try:
        templates.revise(template, form.name.data, form.text.data, me())
    except InvalidInputError as error:
        db.session.rollback()
        form[error.field].errors = [refusal(error)]
        return _page(form, templates.fetch(template_id))
    db.session.commit()
    toast(_("The template was saved."))
    return see_other(url_for(".index"))


@bp.post("/<int:template_id>/remove")
@admin_only
def remove(template_id: int) -> Answer:
    """Delete a text."""
    template = db.session.get(MessageTemplate, template_id)
    # Somebody else may have been quicker, which is what was wanted.
    if template is not None:
        templates.remove(template, me())
        db.session.commit()
        toast(_("The template was removed."))
    return see_other(url_for(".index"))


def _page(form: TemplateForm, edited: MessageTemplate | None = None) -> Answer:
    page = render_template(
        "telephony/messages/templates.html",
        form=form,
        edited=edited,
        templates=templates.everything(),
        length=lambda text: length(size_of(text)),
    )
    return page, 422 if form.is_submitted() else 200
