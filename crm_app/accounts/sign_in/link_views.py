"""Pages that a one-time link opens: the first set-up, an invitation, a password reset."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from flask import current_app, render_template, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_login import current_user
from flask_security import logout_user

from crm_app.accounts import links, services, wording
from crm_app.accounts.forms import show_refusal
from crm_app.accounts.models import LinkPurpose, OfficeSettings, User
from crm_app.accounts.pages import bp
from crm_app.accounts.passwords import hashing, rules
from crm_app.accounts.sessions import devices
from crm_app.accounts.sign_in import security_extension
from crm_app.accounts.sign_in.forms import NewPasswordForm, SetUpForm
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.live import services as live
from crm_app.security import events
from crm_app.security.events import Kind
from crm_app.web.access import hides_address, only_reads, public
from crm_app.web.display.formatting import choose_language
from crm_app.web.fragments import Answer, see_other
from crm_app.web.toasts import toast


def gone_when_refused(view: Callable[..., Answer]) -> Callable[..., Answer]:
    """Show the page for a dead link when the service refuses the link."""

    @wraps(view)
    def guarded(**values: Any) -> Answer:
        try:
            return view(**values)
        except InvalidInputError as error:
            if not error.code.startswith("link_"):
                raise
            db.session.rollback()
            events.refused(Kind.LINK_REFUSED, detail=error.code.removeprefix("link_"))
            text = wording.sentence(error)
            return render_template("accounts/dead_link.html", text=text), 410

    return guarded


@bp.route("/setup/<token>", methods=["GET", "POST"])
@public
@hides_address
@gone_when_refused
def set_up(token: str) -> Answer:
    """Make the first administrator and sign them in."""
    services.check_setup(token)
    form = SetUpForm(data={"language": choose_language()})
    if not form.validate_on_submit():
        return _set_up_page(form)
    try:
        email, name = form.email.data, form.name.data
        db.session.commit()
        user = services.set_up(
            token,
            email=email,
            name=name,
            password_hash=hashing.make_hash(form.password.data, email=email, name=name),
            language=form.language.data,
            timezone=form.timezone.data,
        )
    except InvalidInputError as error:
        if error.code.startswith("link_"):
            raise
        show_refusal(form, error)
        return _set_up_page(form)
    return _enter(user, _("Welcome to Ramal. Invite your colleagues next."), "accounts.index")


@bp.route("/invitation/<token>", methods=["GET", "POST"])
@public
@hides_address
@gone_when_refused
def invitation(token: str) -> Answer:
    """Let an invited person choose the first password and sign them in."""
    return _choose_password(token, LinkPurpose.INVITATION, _("Welcome to Ramal."))


@bp.route("/reset/<token>", methods=["GET", "POST"])
@public
@hides_address
@gone_when_refused
def reset(token: str) -> Answer:
    """Let a person choose a new password and sign them in."""
    return _choose_password(token, LinkPurpose.RESET, _("Your new password is set."))


@bp.post("/setup/<token>/strength")
@public
@only_reads
@gone_when_refused
def set_up_strength(token: str) -> Answer:
    """Estimate the first administrator's password while it is typed."""
    services.check_setup(token)
    typed = request.form
    return strength_of(typed, email=typed.get("email", ""), name=typed.get("name", ""))


@bp.post("/<any(invitation, reset):purpose>/<token>/strength")
@public
@only_reads
@gone_when_refused
def link_strength(purpose: str, token: str) -> Answer:
    """Estimate the password chosen with a link, while it is typed."""
    user = services.owner_of(links.find(token, LinkPurpose(purpose)).user_id)
    return strength_of(request.form, email=user.email, name=user.name)


def strength_of(fields: Mapping[str, str], *, email: str, name: str) -> Answer:
    """Write beside the field how good the password in it is; nothing while it is empty."""
    typed = fields.get("password", "")
    level, error = rules.judge(typed, email=email, name=name) if typed else (0, None)
    text = wording.strength_sentence(level, error, len(typed)) if typed else ""
    return render_template("accounts/_strength.html", level=level, text=text)


def _choose_password(token: str, purpose: LinkPurpose, welcome: str) -> Answer:
    user = services.owner_of(links.find(token, purpose).user_id)
    form = NewPasswordForm()
    if not form.validate_on_submit():
        return _password_page(form, user, purpose)
    email, name = user.email, user.name
    db.session.commit()
    try:
        new_hash = hashing.make_hash(form.password.data, email=email, name=name)
    except InvalidInputError as error:
        show_refusal(form, error)
        return _password_page(form, user, purpose)
    return _enter(services.accept(token, purpose, new_hash), welcome, "home.index")


def _enter(user: User, welcome: str, endpoint: str) -> Answer:
    user_id, email = user.id, user.email
    db.session.commit()
    live.close(user_id)
    # Another user who is signed in, in this browser, is signed out first.
    if current_user.is_authenticated:
        logout_user()
    second_step = security_extension.enter(user)
    db.session.commit()
    toast(welcome)
    answer = see_other(second_step or url_for(endpoint))
    if not second_step:
        devices.remember(answer, email)
    return answer


def _set_up_page(form: SetUpForm) -> Answer:
    code = current_app.config["DEFAULT_COUNTRY"]
    country = get_locale().territories.get(code, code)
    page = render_template("accounts/set_up.html", form=form, country=country)
    return page, 422 if form.is_submitted() else 200


def _password_page(form: NewPasswordForm, user: User, purpose: LinkPurpose) -> Answer:
    page = render_template(
        "accounts/choose_password.html",
        form=form,
        user=user,
        is_invitation=purpose == LinkPurpose.INVITATION,
        office=OfficeSettings.current().name,
    )
    return page, 422 if form.is_submitted() else 200
