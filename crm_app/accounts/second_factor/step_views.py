"""The page after the password, for those who have a second factor."""

from flask import make_response, redirect, render_template, request, url_for
from flask_login import current_user
from flask_wtf import FlaskForm

from crm_app.accounts.current import vault
from crm_app.accounts.forms import show_refusal
from crm_app.accounts.models import User
from crm_app.accounts.pages import bp
from crm_app.accounts.second_factor import services as factors
from crm_app.accounts.second_factor.forms import CodeForm, RecoveryForm
from crm_app.accounts.sign_in import second_step, security_extension
from crm_app.accounts.sign_in.proof import counted_refusal
from crm_app.errors import InvalidInputError
from crm_app.security import events
from crm_app.security.events import Kind
from crm_app.web import return_to
from crm_app.web.access import public
from crm_app.web.fragments import Answer


@bp.route("/login/second-factor", methods=["GET", "POST"], endpoint="second_step")
@public
def second_step_view() -> Answer:
    """Ask for a code of the app or a recovery code; a right one signs in."""
    found = second_step.waiting()
    if found is None or current_user.is_authenticated:
        return start_again()
    user, step = found
    is_recovery = request.args.get("with") == "recovery" or not factors.has_app(user)
    form: FlaskForm = RecoveryForm() if is_recovery else CodeForm()
    if not form.validate_on_submit():
        return step_page(form, user, 422 if form.is_submitted() else 200)
    refusal = counted_refusal(user)
    if refusal:
        form.form_errors.append(refusal)
        return step_page(form, user, 429)
    typed = form["code"].data
    if is_recovery and factors.use_recovery_code(user, typed):
        return security_extension.finish(user, step, factors.RECOVERY)
    if not is_recovery and factors.check_code(user, vault(), typed):
        return security_extension.finish(user, step, factors.APP)
    return _wrong(form, user, is_recovery=is_recovery)


def start_again() -> Answer:
    """Redirect to the sign-in page, because this browser is not waiting for a second factor."""
    page = return_to.local(request.args.get("next", ""), "")
    return make_response(redirect(url_for("security.login", next=page or None), 303))


def step_page(form: FlaskForm, user: User, status: int) -> Answer:
    """Draw the page that asks for the second factor."""
    page = render_template(
        "accounts/second_step.html",
        form=form,
        is_recovery=isinstance(form, RecoveryForm),
        has_app=factors.has_app(user),
        passkeys=factors.passkeys_of(user),
        next=return_to.local(request.args.get("next", ""), "") or None,
    )
    return page, status


def _wrong(form: FlaskForm, user: User, *, is_recovery: bool) -> Answer:
    events.refused(Kind.SECOND_FACTOR_WRONG, about=user.id)
    show_refusal(
        form, InvalidInputError("recovery_code_wrong" if is_recovery else "code_wrong", "code")
    )
    form["code"].data = ""
    return step_page(form, user, 422)
