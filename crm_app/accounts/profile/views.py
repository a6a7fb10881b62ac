"""The pages of a user's own account: name, preferences and password."""

from flask import current_app, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import refresh
from flask_login import current_user

from crm_app.accounts import notices, services, wording
from crm_app.accounts.current import me
from crm_app.accounts.forms import show_refusal
from crm_app.accounts.pages import bp
from crm_app.accounts.passwords import hashing
from crm_app.accounts.profile.forms import ChangePasswordForm, ProfileForm
from crm_app.accounts.sign_in import proof, security_extension
from crm_app.accounts.sign_in.link_views import strength_of
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.live import services as live
from crm_app.web import return_to
from crm_app.web.access import only_reads
from crm_app.web.fragments import Answer, see_other
from crm_app.web.toasts import toast


@bp.route("/account", methods=["GET", "POST"])
def profile() -> Answer:
    """Show and change one's own name and preferences."""
    form = ProfileForm(obj=current_user)
    if not form.validate_on_submit():
        return _profile_page(form, ChangePasswordForm(formdata=None), form.is_submitted())
    country, mobile = current_app.config["DEFAULT_COUNTRY"], form.mobile.data
    try:
        services.set_mobile(me(), mobile, country, me())
    except InvalidInputError as error:
        show_refusal(form, error)
        return _profile_page(form, ChangePasswordForm(formdata=None), is_refused=True)
    for name in ("name", "theme", "language", "timezone"):
        setattr(current_user, name, form[name].data)
    db.session.commit()
    refresh()
    toast(_("Saved."))
    return see_other(url_for("accounts.profile"))


@bp.route("/account/password", methods=["GET", "POST"])
def password() -> Answer:
    """Change one's own password; all other browsers are signed out."""
    # The row itself: signing in `current_user`, a proxy, would make it point to itself.
    form, user = ChangePasswordForm(), me()
    if not form.validate_on_submit():
        return _profile_page(_own_profile(), form, form.is_submitted())
    if refusal := proof.refusal_of(form.current.data):
        form.current.errors = [refusal]
        return _profile_page(_own_profile(), form, is_refused=True)
    try:
        new_hash = _new_hash(form.password.data)
    except InvalidInputError as error:
        show_refusal(form, error)
        return _profile_page(_own_profile(), form, is_refused=True)
    user_id = user.id
    services.change_password(user, new_hash, by=user)
    db.session.commit()
    live.close(user_id)
    security_extension.stay(user)
    db.session.commit()
    toast(_("Your password is changed. Your other devices are signed out."))
    return see_other(url_for("accounts.profile"))


@bp.post("/account/password/strength")
@only_reads
def strength() -> Answer:
    """Estimate the new password that is being typed."""
    return strength_of(request.form, email=current_user.email, name=current_user.name)


@bp.app_template_global()
def unread_notices() -> list[tuple[str, object]]:
    """Return the notices shown at the top of a page, each with its journal entry."""
    return [(wording.notice(entry), entry) for entry in notices.unread(current_user)]


@bp.post("/account/notices/read")
def read_notices() -> Answer:
    """Mark the notices about the user's account as read."""
    notices.dismiss(me())
    db.session.commit()
    return see_other(return_to.here(url_for("accounts.profile")))


def _new_hash(password: str) -> str:
    email, name = current_user.email, current_user.name
    db.session.commit()
    return hashing.make_hash(password, email=email, name=name)


def _own_profile() -> ProfileForm:
    return ProfileForm(formdata=None, obj=current_user)


def _profile_page(profile: ProfileForm, password: ChangePasswordForm, is_refused: bool) -> Answer:
    page = render_template(
        "accounts/profile.html",
        form=profile,
        password_form=password,
        happened=[(wording.notice(entry), entry) for entry in notices.latest(me())],
    )
    return page, 422 if is_refused else 200
