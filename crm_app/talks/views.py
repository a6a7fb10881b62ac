"""The pages of talks that were entered by hand: those with a contact, a new one, a changed one."""

from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask_babel import gettext as _

from crm_app.accounts.current import me
from crm_app.accounts.rights import Place, Verb, fetch, may_open
from crm_app.contacts.models import Contact
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.talks import services, wording
from crm_app.talks.forms import TalkForm, contents_of, empty
from crm_app.talks.models import Talk
from crm_app.web import sent_forms
from crm_app.web.conflict import Change
from crm_app.web.fragments import Answer, page_or_fragment, see_other
from crm_app.web.ids import read_id
from crm_app.web.toasts import toast

bp = Blueprint("talks", __name__, url_prefix="/talks")


@bp.get("/for-contact/<int:contact_id>")
def for_contact(contact_id: int) -> str:
    """Show the talks with a contact as a box for its page, also in the bin, as its notes."""
    contact = fetch(Contact, contact_id, me(), Verb.VIEW, place=Place.ANYWHERE)
    return page_or_fragment(
        "talks/box.html",
        "talks/_box.html",
        contact=contact,
        takes_more=may_open(me(), contact),
        page=services.with_contact(contact, request.args.get("cursor", "")),
        kinds=wording.KINDS,
        directions=wording.DIRECTIONS,
    )


@bp.route("/new", methods=["GET", "POST"])
def new() -> Answer:
    """Ask how a talk with the contact of the address went; a post writes it down.

    What was typed is kept also when the contact is in the bin by then, as a note is.
    """
    place = Place.ANYWHERE if request.method == "POST" else Place.OUTSIDE_BIN
    contact_id = read_id(request.args.get("contact_id"))
    contact = fetch(Contact, contact_id, me(), Verb.EDIT, place=place)
    form = TalkForm(data=empty(me()))
    form.offer(me(), None)
    if not form.validate_on_submit():
        return _page(form, contact)
    try:
        talk = sent_forms.made(Talk, lambda: _entered(contact, form))
    except InvalidInputError as error:
        return _refused(error, form, contact)
    db.session.commit()
    toast(_("The talk was entered."))
    if contact.is_in_bin:
        toast(_("%(name)s is in the bin.", name=contact.name), kind="warning")
    return see_other(_back(talk.contact_id))


def _entered(contact: Contact, form: TalkForm) -> Talk:
    talk = services.enter(contact, form.draft(me(), None), me())
    taken = services.finish_call_back(talk, wording.reason_of(talk), me())
    if taken is not None and taken.taken_by is not None:
        who = taken.taken_by.name
        toast(_("The call-back stays open: %(who)s has taken it.", who=who), kind="info")
    return talk


@bp.route("/<int:talk_id>/edit", methods=["GET", "POST"])
def edit(talk_id: int) -> Answer:
    """Change a talk; who saves second is shown what the first one changed."""
    talk = services.fetch_changeable(talk_id, me())
    form = _form_of(talk)
    if not form.is_submitted():
        form.show_version(services.version_of(talk))
    if not form.validate_on_submit():
        return _page(form, talk.contact, talk)
    services.hold(talk)
    newest = _form_of(talk, formdata=None)
    if not form.has_shown(newest) and not form.agrees_with(newest):
        return _conflict(form, newest, talk)
    try:
        services.change(talk, form.draft(me(), talk), me())
    except InvalidInputError as error:
        contact = talk.contact
        return _refused(error, form, contact, talk)
    db.session.commit()
    toast(_("The talk was saved."))
    return see_other(_back(talk.contact_id))


@bp.post("/<int:talk_id>/delete")
def delete(talk_id: int) -> Answer:
    """Delete a talk, for good."""
    talk = services.fetch_changeable(talk_id, me())
    contact_id = talk.contact_id
    services.delete(talk, me())
    db.session.commit()
    toast(_("The talk was deleted."))
    return see_other(_back(contact_id))


def _form_of(talk: Talk, **options: Any) -> TalkForm:
    form = TalkForm(data=contents_of(talk), **options)
    form.offer(me(), talk)
    return form


def _conflict(form: TalkForm, newest: TalkForm, talk: Talk) -> Answer:
    # What the first editor chose can be chosen here, too.
    form.outcome.choices = newest.outcome.choices
    version = services.version_of(talk)
    changes = wording.missed(talk, version - form.read_version)
    form.rebase(newest, version)
    return _page(form, talk.contact, talk, changes)


def _back(contact_id: int) -> str:
    return url_for("contacts.show", contact_id=contact_id, _anchor="talks")


def _refused(
    error: InvalidInputError, form: TalkForm, contact: Contact, talk: Talk | None = None
) -> Answer:
    db.session.rollback()
    form[error.field].errors = [wording.refusal(error)]
    return _page(form, contact, talk)


def _page(
    form: TalkForm,
    contact: Contact,
    talk: Talk | None = None,
    changes: list[Change] | None = None,
) -> Answer:
    shown = {"contact": contact, "talk": talk, "changes": changes, "back": _back(contact.id)}
    page = render_template("talks/edit.html", form=form, **shown)
    if changes is not None:
        return page, 409
    return page, 422 if form.is_submitted() else 200
