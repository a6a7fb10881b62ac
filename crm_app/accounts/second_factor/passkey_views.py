"""Passkeys: creating and removing one's own, and signing in with one."""

import json
from datetime import UTC, datetime, timedelta

from flask import Response, abort, make_response, render_template, session, url_for
from flask_babel import gettext as _
from flask_login import current_user

from crm_app import clock
from crm_app.accounts import wording
from crm_app.accounts.current import me
from crm_app.accounts.forms import show_refusal
from crm_app.accounts.models import User
from crm_app.accounts.pages import bp
from crm_app.accounts.second_factor import passkeys, sites
from crm_app.accounts.second_factor import services as factors
from crm_app.accounts.second_factor.forms import CodeForm, PasskeyForm, RecoveryForm
from crm_app.accounts.second_factor.passkeys import Challenge
from crm_app.accounts.second_factor.sites import Site
from crm_app.accounts.second_factor.step_views import step_page
from crm_app.accounts.second_factor.views import changed, factors_page, refused
from crm_app.accounts.sign_in import second_step, security_extension
from crm_app.accounts.sign_in.factor_gate import before_set_up
from crm_app.accounts.sign_in.forms import SignInForm
from crm_app.accounts.sign_in.proof import counted_refusal, fresh_sign_in_required
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.security import events
from crm_app.security.events import Kind
from crm_app.web.access import public
from crm_app.web.fragments import Answer, see_other

GOOD_FOR = timedelta(minutes=10)
_NAME = "passkey"


@bp.post("/account/second-factor/passkeys/options")
@before_set_up
def new_passkey_options() -> Response:
    """Answer with what the browser needs to make a passkey."""
    challenge, site = Challenge.new(), _site()
    options = passkeys.options_for_new(me(), site, challenge)
    return _answer(options, challenge, json.loads(options)["user"]["id"])


@bp.post("/account/second-factor/passkeys")
@before_set_up
@fresh_sign_in_required
def add_passkey() -> Answer:
    """Store the passkey that the browser has made."""
    form, (challenge, handle) = PasskeyForm(), _challenge()
    try:
        if challenge is None or not form.validate_on_submit():
            raise InvalidInputError("passkey_refused")
        answer, name = form.credential.data or "", form.name.data
        codes = passkeys.add(me(), _site(), challenge, answer, handle=handle, name=name)
    except InvalidInputError as error:
        show_refusal(form, error)
        return factors_page(form, 422)
    session.pop(_NAME, None)
    db.session.commit()
    return changed(_("The passkey is set up."), codes)


@bp.post("/account/second-factor/passkeys/<int:passkey_id>/remove")
@fresh_sign_in_required
def remove_passkey(passkey_id: int) -> Answer:
    """Remove one of one's own passkeys."""
    try:
        factors.remove_passkey(me(), passkey_id)
    except InvalidInputError as error:
        return refused(error)
    db.session.commit()
    return changed(_("The passkey is removed."), [])


@bp.post("/login/passkey/options")
@public
def passkey_options() -> Response:
    """Answer with what the browser needs to sign in by a passkey."""
    challenge, waiting = Challenge.new(), second_step.waiting()
    user = waiting[0] if waiting else None
    return _answer(passkeys.options_for_sign_in(user, _site(), challenge), challenge, "")


@bp.post("/login/passkey")
@public
def sign_in_by_passkey() -> Answer:
    """Sign in by a passkey, as the second factor or alone."""
    if current_user.is_authenticated:
        return see_other(url_for("home.index"))
    waiting, form = second_step.waiting(), PasskeyForm()
    challenge, _handle = _challenge()
    refusal = counted_refusal(waiting[0]) if waiting else ""
    if refusal:
        return _refused_page(waiting[0] if waiting else None, refusal, 429)
    user = waiting[0] if waiting else None
    found = None
    if challenge is not None and form.validate_on_submit():
        found = passkeys.owner(user, _site(), challenge, form.credential.data or "")
    if found is None:
        events.refused(Kind.SECOND_FACTOR_WRONG, about=user.id if user else None)
        return _refused_page(user, wording.sentence(InvalidInputError("passkey_refused")), 422)
    step = waiting[1] if waiting else second_step.Step()
    return security_extension.finish(found, step, factors.PASSKEY)


def _refused_page(user: User | None, sentence: str, status: int) -> Answer:
    if user is not None:
        step_form = (
            CodeForm(formdata=None) if factors.has_app(user) else RecoveryForm(formdata=None)
        )
        step_form.form_errors.append(sentence)
        return step_page(step_form, user, status)
    form = SignInForm(formdata=None)
    form.form_errors.append(sentence)
    return render_template("accounts/login.html", login_user_form=form), status


def _site() -> Site:
    site = sites.here()
    if site is None:
        abort(404)
    return site


def _answer(options: str, challenge: Challenge, handle: str) -> Response:
    session[_NAME] = [challenge.text, challenge.made_at.timestamp(), handle]
    answer = make_response(options)
    answer.mimetype = "application/json"
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _challenge() -> tuple[Challenge | None, str]:
    kept = session.get(_NAME)
    if not kept:
        return None, ""
    text, made_at, handle = kept
    challenge = Challenge(text, datetime.fromtimestamp(made_at, UTC))
    return (challenge if challenge.made_at > clock.now() - GOOD_FOR else None), handle
