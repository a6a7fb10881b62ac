"""Pages where administrators manage people: their data, permissions and access."""

from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

from flask import (
    current_app,
    make_response,
    render_template,
    request,
    url_for,
)
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from crm_app.accounts import links, services, wording
from crm_app.accounts.current import me
from crm_app.accounts.forms import show_refusal
from crm_app.accounts.models import FactorPolicy, LinkPurpose, OfficeSettings, Role, User
from crm_app.accounts.pages import bp, user_or_404
from crm_app.accounts.people.forms import OfficeForm, PersonForm
from crm_app.accounts.presence.services import states_of
from crm_app.accounts.sign_in.proof import fresh_sign_in_required
from crm_app.config import Config
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.live import services as live
from crm_app.live.messages import OFFICE
from crm_app.proxies import is_loopback
from crm_app.web import sent_forms
from crm_app.web.access import admin_only, manager_only
from crm_app.web.fragments import Answer, see_other
from crm_app.web.toasts import toast
from crm_app.web.unsaved import say_saved


@bp.get("/people")
@manager_only
def index() -> Answer:
    """List all users, those who can sign in first; administrators can change them."""
    everybody = db.select(User).order_by(User.active.desc(), User.name, User.id)
    users = db.session.scalars(everybody.options(joinedload(User.deputy))).all()
    presences = states_of(users)
    return render_template("accounts/index.html", users=users, presences=presences)


@bp.route("/people/new", methods=["GET", "POST"])
@admin_only
@fresh_sign_in_required
def new() -> Answer:
    """Invite somebody; the link is shown once, to be copied."""
    form = PersonForm()
    if not form.validate_on_submit():
        return _form_page("accounts/new.html", form)
    try:
        user = sent_forms.made(User, lambda: _invited(form))
        # When the form is sent twice, the first link can no longer be shown.
        token = services.invite_again(user)
    except InvalidInputError as error:
        show_refusal(form, error)
        return _form_page("accounts/new.html", form)
    db.session.commit()
    return _show_link(user, LinkPurpose.INVITATION, token)


def _invited(form: PersonForm) -> User:
    user, _token = services.invite(
        form.email.data,
        form.name.data,
        role=Role(form.role.data),
        extension=form.extension.data,
        by=current_user,
    )
    services.set_mobile(user, form.mobile.data, current_app.config["DEFAULT_COUNTRY"], me())
    return user


@bp.route("/people/<int:user_id>", methods=["GET", "POST"])
@admin_only
@fresh_sign_in_required
def edit(user_id: int) -> Answer:
    """Show a user, and change name, e-mail, role and extension."""
    user = user_or_404(user_id)
    form = PersonForm(obj=user)
    if not form.validate_on_submit():
        return _person_page(user, form)
    try:
        services.change_user(
            user,
            current_user,
            name=form.name.data,
            email=form.email.data,
            role=Role(form.role.data),
            extension=form.extension.data,
        )
        services.set_mobile(user, form.mobile.data, current_app.config["DEFAULT_COUNTRY"], me())
    except InvalidInputError as error:
        db.session.rollback()
        show_refusal(form, error)
        return _person_page(user, form)
    db.session.commit()
    live.close(user.id)
    toast(_("%(name)s was saved.", name=user.name))
    return see_other(url_for("accounts.index"))


@bp.post("/people/<int:user_id>/invitation")
@admin_only
@fresh_sign_in_required
def invite_again(user_id: int) -> Answer:
    """Make a new invitation link; the older one ends."""
    return _new_link(user_id, LinkPurpose.INVITATION, services.invite_again)


@bp.post("/people/<int:user_id>/reset-link")
@admin_only
@fresh_sign_in_required
def make_reset_link(user_id: int) -> Answer:
    """Make a link with which the user chooses a new password."""
    return _new_link(user_id, LinkPurpose.RESET, partial(services.reset_token, by=current_user))


@bp.post("/people/<int:user_id>/disable")
@admin_only
@fresh_sign_in_required
def disable(user_id: int) -> Answer:
    """Lock a user out; nothing of theirs is deleted."""
    user = user_or_404(user_id)
    try:
        services.disable(user, current_user)
    except InvalidInputError as error:
        return _refused(user, error)
    db.session.commit()
    live.close(user_id)
    toast(_("%(name)s is disabled and signed out everywhere.", name=user.name))
    return see_other(url_for("accounts.edit", user_id=user.id))


@bp.post("/people/<int:user_id>/enable")
@admin_only
@fresh_sign_in_required
def enable(user_id: int) -> Answer:
    """Let a disabled user in again."""
    user = user_or_404(user_id)
    services.enable(user, current_user)
    db.session.commit()
    toast(_("%(name)s can sign in again.", name=user.name))
    return see_other(url_for("accounts.edit", user_id=user.id))


@bp.post("/people/<int:user_id>/sign-out")
@admin_only
@fresh_sign_in_required
def sign_out(user_id: int) -> Answer:
    """Sign a user out of all browsers; they may sign in again."""
    user = user_or_404(user_id)
    services.sign_out(user, current_user)
    db.session.commit()
    live.close(user_id)
    toast(_("%(name)s is signed out everywhere.", name=user.name))
    return see_other(url_for("accounts.edit", user_id=user.id))


@bp.route("/people/rights", methods=["GET", "POST"])
@admin_only
@fresh_sign_in_required
def rights() -> Answer:
    """Set the office's name and what agents see of each other."""
    form = OfficeForm(obj=OfficeSettings.current())
    if not form.validate_on_submit():
        return _form_page("accounts/rights.html", form)
    services.change_office(
        form.name.data,
        restricts_agents=form.restricts_agents.data,
        second_factor_for=FactorPolicy(form.second_factor_for.data),
        bin_days=form.bin_days.data,
        by=current_user,
    )
    db.session.commit()
    # Who may hear of every call is asked when a stream opens.
    live.close(OFFICE)
    toast(_("The permissions were saved."))
    return see_other(url_for("accounts.rights"))


def absolute_url(purpose: LinkPurpose, token: str) -> str:
    """Return a link's full address for the person who gets it."""
    return absolute_address(links.path(purpose, token))


def absolute_address(path: str) -> str:
    """Return the full address of a path that holds a token.

    Never with the host of the request, unless that is this machine: a forged Host header would send
    the token elsewhere.
    """
    settings: Config = current_app.extensions["settings"]
    is_here = not settings.public_url and is_loopback(urlsplit(request.host_url).hostname or "")
    base = request.url_root.rstrip("/") if is_here else settings.base_url
    return base + path


def _form_page(template: str, form: PersonForm | OfficeForm) -> Answer:
    return render_template(template, form=form), 422 if form.is_submitted() else 200


def _person_page(user: User, form: PersonForm) -> Answer:
    page = render_template("accounts/edit.html", user=user, form=form, link=None)
    return page, 422 if form.is_submitted() else 200


def _new_link(user_id: int, purpose: LinkPurpose, make: Callable[[User], str]) -> Answer:
    user = user_or_404(user_id)
    try:
        token = make(user)
    except InvalidInputError as error:
        return _refused(user, error)
    db.session.commit()
    return _show_link(user, purpose, token)


def _show_link(user: User, purpose: LinkPurpose, token: str) -> Answer:
    # Only in this response: a cookie that carried it could be read.
    link = {
        "purpose": purpose,
        "url": absolute_url(purpose, token),
        "days": links.LIFETIMES[purpose].days,
    }
    form = PersonForm(formdata=None, obj=user)
    page = render_template("accounts/edit.html", user=user, form=form, link=link)
    return say_saved(make_response(page))


def _refused(user: User, error: InvalidInputError) -> Response:
    db.session.rollback()
    toast(wording.sentence(error), kind="warning")
    return see_other(url_for("accounts.edit", user_id=user.id))
