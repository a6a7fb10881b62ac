"""The settings page, where an administrator connects the office to its PBX."""

from typing import Any

from flask import Blueprint, current_app, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from flask_wtf import FlaskForm

from crm_app.accounts.current import me
from crm_app.accounts.models import User
from crm_app.accounts.sign_in.proof import fresh_sign_in_required
from crm_app.config import Config
from crm_app.encryption import Vault, WrongKeyError
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.security import events
from crm_app.security.events import Kind
from crm_app.telephony import services, wording
from crm_app.telephony.connection import Link, LinkCache
from crm_app.telephony.forms import KeysForm, SwitchesForm, chosen_responsible, wanted_extensions
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.setup import health_checks
from crm_app.telephony.setup import wording as health_words
from crm_app.telephony.setup.asking import probe
from crm_app.telephony.switches import Switches
from crm_app.telephony.zadarma.errors import ErrorCode
from crm_app.web.access import admin_only
from crm_app.web.fragments import Answer, see_other
from crm_app.web.toasts import toast

bp = Blueprint("telephony", __name__)


def links() -> LinkCache:
    """Return this process's cache of the connection."""
    found: LinkCache = current_app.extensions["telephony_links"]
    return found


@bp.get("/telephony/settings")
@admin_only
def settings() -> Answer:
    """Show how the office is connected to its PBX, and whether that works."""
    return _page()


@bp.post("/telephony/settings/keys")
@admin_only
@fresh_sign_in_required
def keys() -> Answer:
    """Test key and secret, and store them only when Zadarma accepts them."""
    form = KeysForm()
    vault: Vault = current_app.extensions["vault"]
    try:
        pair = services.typed_keys(form.key.data or "", form.secret.data or "", vault)
    except InvalidInputError as error:
        return _page(keys_error=error)
    except WrongKeyError:
        return _page(keys_error=InvalidInputError("wrong_key", "key"))
    found = probe(Link(*pair))
    if not found.may_be_kept:
        events.refused(Kind.KEYS_REFUSED)
    if found.error and not (found.may_be_kept and request.form.get("untested")):
        return _page(keys_error=InvalidInputError(found.error, "secret"))
    services.save_keys(*pair, vault, me())
    return _stored(found)


@bp.post("/telephony/settings/refresh")
@admin_only
def refresh() -> Answer:
    """Ask the PBX again for balance, clock and extensions."""
    return _tested()


@bp.post("/telephony/settings/disconnect")
@admin_only
@fresh_sign_in_required
def disconnect() -> Answer:
    """Forget the keys."""
    services.disconnect(me())
    _commit()
    toast(_("The telephony is disconnected."))
    return see_other(url_for("telephony.settings"))


@bp.post("/telephony/settings/token")
@admin_only
@fresh_sign_in_required
def token() -> Answer:
    """Make a new secret token for the webhook address, or remove it."""
    if request.form.get("remove"):
        services.drop_token(me())
    else:
        services.renew_token(me())
    _commit()
    toast(_("The webhook address has changed. Paste it at Zadarma now."), kind="warning")
    return see_other(url_for("telephony.settings") + "#webhook")


@bp.post("/telephony/settings/people")
@admin_only
def people() -> Answer:
    """Store whose extension is which, and who is responsible by default."""
    wanted = wanted_extensions(request.form)
    chosen = chosen_responsible(request.form)
    try:
        services.set_default_responsible(chosen, me())
        services.assign_extensions(wanted, current_user)
    except InvalidInputError as error:
        db.session.rollback()
        return _page(people_error=error, wanted=wanted, chosen=chosen)
    db.session.commit()
    toast(_("Saved."))
    return _back("#people")


@bp.post("/telephony/settings/switches")
@admin_only
def switches() -> Answer:
    """Turn automation on and off."""
    form = SwitchesForm(obj=TelephonySettings.current().switches)
    if not form.validate_on_submit():
        return _page(switches=form)
    wanted = {name: form[name].data for name in Switches.model_fields}
    try:
        services.set_switches(wanted, me())
    except InvalidInputError as error:
        form[error.field].errors = [wording.setting_sentence(error)]
        return _page(switches=form)
    _commit()
    toast(_("Saved."))
    return see_other(url_for("telephony.settings") + "#switches")


def _back(anchor: str = "") -> Answer:
    """Go back to the page whose form was sent: that of the settings or that of the set-up."""
    is_of_set_up = request.form.get("back") == "setup"
    page = "telephony_setup.index" if is_of_set_up else "telephony.settings"
    return see_other(url_for(page) + anchor)


def _commit() -> None:
    """Commit a change of the connection, and let this process see it at once."""
    db.session.commit()
    links().forget()


def _tested() -> Answer:
    link = links().read()
    return _stored(probe(link)) if link.is_connected else see_other(url_for("telephony.settings"))


def _stored(found: services.Probe) -> Answer:
    services.keep(found)
    _commit()
    if found.error is ErrorCode.NOT_AUTHORISED:
        events.refused(Kind.KEYS_REFUSED)
    if found.error:
        toast(wording.api_sentence(found.error), kind="danger")
    else:
        toast(_("Connected. Zadarma accepts the keys."))
    return _back()


def _page(
    keys_error: InvalidInputError | None = None,
    people_error: InvalidInputError | None = None,
    wanted: dict[int, str] | None = None,
    chosen: int | None = None,
    switches: FlaskForm | None = None,
) -> Answer:
    config: Config = current_app.extensions["settings"]
    stored = TelephonySettings.current()
    link, seen = links().read(), health_checks.arrivals()
    checks = health_checks.run(stored, link, config, seen)
    users = db.session.scalars(User.enabled()).all()
    address = health_checks.webhook_url(config, stored.webhook_token)
    context: dict[str, Any] = {
        "settings": stored,
        "link": link,
        "badge": health_words.badge(health_checks.connection(stored, link), stored),
        "reports": [health_words.report(one) for one in checks],
        "words": wording,
        "health_words": health_words,
        "config": config,
        "address": address,
        "is_reachable": health_checks.is_reachable(address),
        "users": users,
        "wanted": wanted or {user.id: user.extension or "" for user in users},
        "chosen": chosen or stored.default_responsible_id,
        "taken": {user.extension for user in users if user.extension},
        "vanished": health_checks.vanished_extensions(stored),
        "keys_form": KeysForm(),
        "switches_form": switches or SwitchesForm(obj=stored.switches),
        "keys_error": keys_error,
        "may_be_kept": keys_error is not None and keys_error.code in wording.UNTESTED,
        "people_error": people_error,
    }
    page = render_template("telephony/settings.html", **context)
    return (page, 422) if keys_error or people_error or switches else page
