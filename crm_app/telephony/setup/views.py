"""The set-up of the telephony: lamps that are lit one by one, and a test call."""

from dataclasses import replace
from typing import Any

from flask import (
    Blueprint,
    abort,
    current_app,
    render_template,
    request,
    send_from_directory,
    url_for,
)
from flask_babel import gettext as _

from crm_app.accounts.current import me
from crm_app.accounts.models import User
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.live.services import tell
from crm_app.telephony import wording
from crm_app.telephony.forms import KeysForm
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.setup import asking, call_me, health_checks
from crm_app.telephony.setup import guide as guide_text
from crm_app.telephony.setup import wording as health_words
from crm_app.telephony.setup.registration import UnreachedError
from crm_app.telephony.zadarma.errors import ZadarmaError
from crm_app.web.access import admin_only, manager_only
from crm_app.web.display.formatting import choose_language
from crm_app.web.fragments import Answer, see_other, wants_fragment
from crm_app.web.toasts import toast

bp = Blueprint("telephony_setup", __name__, url_prefix="/telephony/setup")
STREAM, ECHO = "stream", "echo"


@bp.get("")
@admin_only
def index() -> Answer:
    """Show the steps of the set-up; with scripts, the lamps are lit one by one."""
    return render_template("telephony/setup/index.html", **_context() | _test_call())


@bp.post("")
@admin_only
def test() -> Answer:
    """Ask the PBX about everything at once, for those without scripts."""
    asking.ask_all()
    return see_other(url_for("telephony_setup.index") + "#lamps")


@bp.post("/lamps/<name>")
@admin_only
def light(name: str) -> Answer:
    """Ask the PBX what one lamp shows, and draw it with the place of the next one."""
    if name not in health_words.TITLES:
        abort(404)
    heard = request.form.get("heard", "")
    error = asking.ask(name)
    reports = {report.check.name: report for report in _reports()}
    report = reports[name]
    if error is not None and report.check.state in ("unknown", "ok"):
        report = health_words.report(replace(report.check, state="bad", code=error))
    if name == STREAM:
        report = _stream(heard)
    names = list(reports)
    last = heard or name == names[-1]
    following = None if last else reports[names[names.index(name) + 1]]
    return render_template("telephony/setup/_lit.html", report=report, following=following)


@bp.post("/register")
@admin_only
def register() -> Answer:
    """Let the PBX post all notifications to this server."""
    try:
        done = asking.register(by=me())
    except UnreachedError:
        (echo,) = [report for report in _reports() if report.check.name == ECHO]
        toast(echo.says, kind="danger")
    except ZadarmaError as error:
        toast(wording.api_sentence(error.code), kind="danger")
    else:
        is_all = not done.after.switched_off
        toast(_("Registered: the PBX posts all its notifications to this server."))
        if not is_all:
            toast(_("The PBX has not switched all kinds on. Test again."), kind="warning")
    return see_other(url_for("telephony_setup.index") + "#lamps")


@bp.post("/call")
@admin_only
def ring() -> Answer:
    """Let the PBX ring the administrator's phone."""
    try:
        asking.ring(me())
    except InvalidInputError as error:
        toast(wording.refusal_sentence(error), kind="warning")
    if wants_fragment():
        return render_template("telephony/setup/_call_me.html", **_test_call())
    return see_other(url_for("telephony_setup.index") + "#call-me")


@bp.get("/call")
@admin_only
def call() -> Answer:
    """Show which notifications of the test call have arrived."""
    if not wants_fragment():
        return see_other(url_for("telephony_setup.index") + "#call-me")
    return render_template("telephony/setup/_call_me.html", **_test_call())


@bp.get("/guide")
@manager_only
def guide() -> Answer:
    """Show the guide in the user's language."""
    page = guide_text.page_of(
        choose_language(), lambda name: url_for("telephony_setup.guide") + f"/{name}"
    )
    return render_template("telephony/setup/guide.html", guide=page)


@bp.get("/guide/<name>")
@manager_only
def picture(name: str) -> Answer:
    """Send a picture of the guide."""
    if name not in guide_text.pictures():
        abort(404)
    return send_from_directory(guide_text.PICTURES, name, max_age=3600)


def _stream(heard: str) -> health_words.Report:
    """Say whether a message reached the browser that asks; it asks for one once it listens."""
    if heard in ("yes", "no"):
        state: health_checks.State = "ok" if heard == "yes" else "bad"
        return health_words.report(health_checks.HealthCheck(STREAM, state))
    if heard:
        db.session.commit()
        tell([me().id], {"setup": me().id})
    return health_words.report(health_checks.HealthCheck(STREAM, "unknown", code="waiting"))


def _reports() -> list[health_words.Report]:
    settings, link = TelephonySettings.current(), asking.current_link()
    config = current_app.extensions["settings"]
    checks = health_checks.run(settings, link, config, health_checks.arrivals())
    return [health_words.report(check) for check in checks]


def _context() -> dict[str, Any]:
    stored = TelephonySettings.current()
    users = db.session.scalars(User.enabled()).all()
    link = asking.current_link()
    return {
        "back": "setup",
        "settings": stored,
        "link": link,
        "badge": health_words.badge(health_checks.connection(stored, link), stored),
        "reports": _reports(),
        "words": wording,
        "users": users,
        "wanted": {user.id: user.extension or "" for user in users},
        "chosen": stored.default_responsible_id,
        "taken": {user.extension for user in users if user.extension},
        "vanished": health_checks.vanished_extensions(stored),
        "keys_form": KeysForm(),
        "keys_error": None,
        "people_error": None,
        "address": asking.our_address(),
    }


def _test_call() -> dict[str, Any]:
    return {"test_call": call_me.last_of(me().id), "steps": list(call_me.STEPS), "words": wording}
