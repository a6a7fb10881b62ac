"""The boxes of tasks on the pages of contacts and leads, with a line to add one."""

from flask import request, url_for
from flask_babel import gettext as _
from sqlalchemy import ColumnElement

from crm_app.accounts.current import me
from crm_app.accounts.rights import Place, Verb, allowed, fetch
from crm_app.contacts.models import Contact
from crm_app.extensions import db
from crm_app.leads.models import Lead
from crm_app.tasks.forms import QuickForm
from crm_app.tasks.listing import for_box
from crm_app.tasks.models import Task
from crm_app.tasks.views import add_once, bp
from crm_app.web.fragments import Answer, page_or_fragment, see_other, wants_fragment
from crm_app.web.return_to import here
from crm_app.web.toasts import toast


@bp.route("/for-contact/<int:contact_id>", methods=["GET", "POST"])
def for_contact(contact_id: int) -> Answer:
    """Show a contact's tasks as a box for its page; a post adds one."""
    contact = fetch(Contact, contact_id, me(), Verb.VIEW, place=_place())
    return _box("contact", contact, Task.contact_id == contact.id, {"contact_id": contact.id})


@bp.route("/for-lead/<int:lead_id>", methods=["GET", "POST"])
def for_lead(lead_id: int) -> Answer:
    """Show a lead's tasks as a box for its page; a post adds one, for its contact too."""
    lead = fetch(Lead, lead_id, me(), Verb.VIEW, place=_place())
    about: dict[str, int | None] = {"lead_id": lead.id, "contact_id": lead.contact_id}
    return _box("lead", lead, Task.lead_id == lead.id, about)


def _place() -> Place:
    # What was typed is kept, also when somebody has put its contact or lead in the bin.
    return Place.ANYWHERE if request.method == "POST" else Place.OUTSIDE_BIN


def _box(
    within: str, subject: Contact | Lead, belongs: ColumnElement[bool], about: dict[str, int | None]
) -> Answer:
    own_url = request.script_root + request.path
    form = QuickForm()
    if form.validate_on_submit():
        task = add_once(form.draft(**about))
        db.session.commit()
        toast(_("The task was added."), undo_url=url_for(".delete", task_id=task.id))
        if not wants_fragment():
            return see_other(here(own_url))
        form = QuickForm(formdata=None)
    page = page_or_fragment(
        "tasks/box.html",
        "tasks/_box.html",
        form=form,
        tasks=for_box(allowed(me(), Task, Verb.VIEW).where(belongs)),
        within=within,
        name=subject.name if isinstance(subject, Contact) else subject.title,
        own_url=own_url,
        about=about,
    )
    return page, 422 if form.errors else 200
