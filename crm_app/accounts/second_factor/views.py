"""The pages of one's own second factors: authenticator app, recovery codes, and the reset."""

import io

import segno
from flask import Response, abort, make_response, render_template, url_for
from flask_babel import gettext as _
from flask_wtf import FlaskForm

from crm_app.accounts import wording
from crm_app.accounts.current import me, vault
from crm_app.accounts.forms import show_refusal
from crm_app.accounts.models import OfficeSettings
from crm_app.accounts.pages import bp, user_or_404
from crm_app.accounts.second_factor import services as factors
from crm_app.accounts.second_factor import sites
from crm_app.accounts.second_factor.forms import CodeForm, PasskeyForm
from crm_app.accounts.sign_in import factor_gate
from crm_app.accounts.sign_in.factor_gate import before_set_up
from crm_app.accounts.sign_in.proof import fresh_sign_in_required
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.live import services as live
from crm_app.web.access import admin_only
from crm_app.web.fragments import Answer, see_other
from crm_app.web.toasts import toast

bp.add_app_template_global(factor_gate.must_set_up)


@bp.app_template_global()
def has_passkeys() -> bool:
    """Whether browsers create passkeys for the address of this office, for templates."""
    return sites.here() is not None


@bp.get("/account/second-factor")
@before_set_up
def second_factor() -> Answer:
    """Show one's own second factors."""
    return factors_page(PasskeyForm(formdata=None))


@bp.post("/account/second-factor/app")
@before_set_up
@fresh_sign_in_required
def begin_app() -> Answer:
    """Make a new key for an authenticator app; the old one works until a code confirms this."""
    factors.begin_app(me(), vault())
    db.session.commit()
    return see_other(url_for("accounts.show_app"))


@bp.get("/account/second-factor/app")
@before_set_up
def show_app() -> Answer:
    """Show the key that waits for its first code, as a picture and as text."""
    return _app_page(CodeForm(formdata=None), 200)


@bp.get("/account/second-factor/app/picture.svg")
@before_set_up
def app_picture() -> Response:
    """Draw the key that waits for its first code."""
    key = factors.key_to_show(me(), vault())
    if key is None:
        abort(404)
    office = OfficeSettings.current().name.replace(":", " ")
    uri = key.to_uri(label=me().email, issuer=f"Ramal {office}".strip())
    picture = io.BytesIO()
    # On white even in dark mode, so that cameras can read it.
    segno.make(uri, error="m", micro=False).save(picture, kind="svg", scale=4, light="white")
    answer = make_response(picture.getvalue())
    answer.mimetype = "image/svg+xml"
    answer.headers["Cache-Control"] = "no-store"
    return answer


@bp.post("/account/second-factor/app/confirm")
@before_set_up
@fresh_sign_in_required
def confirm_app() -> Answer:
    """Set the app up by its first code."""
    form = CodeForm()
    if not form.validate_on_submit():
        return _app_page(form, 422)
    try:
        codes = factors.confirm_app(me(), vault(), form.code.data)
    except InvalidInputError as error:
        show_refusal(form, error)
        return _app_page(form, 422)
    db.session.commit()
    return changed(_("The authenticator app is set up."), codes)


@bp.post("/account/second-factor/app/remove")
@fresh_sign_in_required
def remove_app() -> Answer:
    """Remove the authenticator app."""
    try:
        factors.remove_app(me())
    except InvalidInputError as error:
        return refused(error)
    db.session.commit()
    return changed(_("The authenticator app is removed."), [])


@bp.post("/account/second-factor/recovery-codes")
@fresh_sign_in_required
def new_recovery_codes() -> Answer:
    """Make ten recovery codes and show them once; the older ones end."""
    if not me().has_second_factor:
        return see_other(url_for("accounts.second_factor"))
    codes = factors.new_recovery_codes(me())
    db.session.commit()
    return _codes_page(codes)


@bp.post("/people/<int:user_id>/reset-second-factor")
@admin_only
@fresh_sign_in_required
def reset_second_factor(user_id: int) -> Answer:
    """Remove all second factors of somebody who has lost them, and sign them out."""
    user = user_or_404(user_id)
    try:
        factors.reset(user, me())
    except InvalidInputError as error:
        toast(wording.sentence(error), kind="warning")
        return see_other(url_for("accounts.edit", user_id=user_id))
    db.session.commit()
    live.close(user_id)
    toast(_("%(name)s no longer has a second factor.", name=user.name))
    return see_other(url_for("accounts.edit", user_id=user_id))


def factors_page(form: FlaskForm, status: int = 200) -> Answer:
    """Draw the page of one's own second factors."""
    page = render_template(
        "accounts/second_factor.html",
        form=form,
        app_row=factors.app_of(me()) if factors.has_app(me()) else None,
        passkeys=factors.passkeys_of(me()),
        codes_left=factors.recovery_codes_left(me()),
        must_have=me().must_have_factor(OfficeSettings.current().second_factor_for),
    )
    return page, status


def changed(sentence: str, codes: list[str]) -> Answer:
    """Say what was done; new recovery codes are shown only in this response."""
    toast(sentence)
    return _codes_page(codes) if codes else see_other(url_for("accounts.second_factor"))


def refused(error: InvalidInputError) -> Response:
    """Say why one's own factor was not changed."""
    db.session.rollback()
    toast(wording.sentence(error), kind="warning")
    return make_response(see_other(url_for("accounts.second_factor")))


def _app_page(form: CodeForm, status: int) -> Answer:
    key = factors.key_to_show(me(), vault())
    if key is None:
        return see_other(url_for("accounts.second_factor"))
    page = render_template(
        "accounts/second_factor_app.html", form=form, key=key.pretty_key(sep=" ")
    )
    return page, status


def _codes_page(codes: list[str]) -> Answer:
    return render_template("accounts/recovery_codes.html", codes=codes)
