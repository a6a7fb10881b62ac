"""The window of the phone in the browser; nothing else lets anything of another host in."""

from typing import Any
from urllib.parse import urlsplit

import structlog
from flask import Blueprint, Response, current_app, jsonify, render_template, request, url_for
from flask_babel import get_locale

from crm_app.accounts.current import me
from crm_app.config import Config
from crm_app.counting import Counter
from crm_app.extensions import db
from crm_app.telephony import wording
from crm_app.telephony.browser_phone import services
from crm_app.telephony.connection import LinkCache, client_for
from crm_app.telephony.zadarma.errors import ZadarmaError
from crm_app.telephony.zadarma.widget import KEY_LASTS_FOR, Widget, language_of
from crm_app.web.access import background
from crm_app.web.fragments import Answer, see_other
from crm_app.web.middleware.security_headers import widen_policy

# A key is renewed before it ends: by reloading the window, when nobody is on the phone.
RENEWED_AFTER = KEY_LASTS_FOR * 0.9
_MOST_WORDS = 60
bp = Blueprint("browser_phone", __name__)
log = structlog.get_logger(__name__)


@bp.app_template_global()
def browser_phone() -> services.State:
    """Say whether the user who is signed in has a phone in the browser, and if not, why."""
    links: LinkCache = current_app.extensions["telephony_links"]
    return services.state_of(me(), links.current())


@bp.get("/phone")
def phone() -> Answer:
    """Show the phone, or why it is off and how to turn it on."""
    state = browser_phone()
    if state != "on":
        return render_template(
            "telephony/phone_off.html", state=state, phone_words=wording.phone_sentence
        )
    config: Config = current_app.extensions["settings"]
    widget = Widget.beside(config.zadarma_api_url)
    widen_policy(widget.sources)
    settings: dict[str, Any] = {
        "scripts": widget.scripts,
        "language": language_of(get_locale().language),
        "renewAfterMs": round(RENEWED_AFTER.total_seconds() * 1000),
    }
    return render_template("telephony/phone.html", settings=settings)


@bp.post("/phone/mine")
def choose() -> Answer:
    """Turn the phone in the browser on or off for oneself."""
    services.choose(me().id, is_on=request.form.get("use") == "on")
    db.session.commit()
    return see_other(url_for("browser_phone.phone"))


@bp.post("/phone/key")
def key() -> Response:
    """Make the key of one's own phone: it is in no page, in no log, and kept nowhere."""
    user, state = me(), browser_phone()
    user_id, extension = user.id, user.extension or ""
    # Counting and the PBX may wait for a network.
    db.session.commit()
    if state != "on":
        return _refused(str(state), 403)
    counter: Counter = current_app.extensions["counter"]
    if seconds := services.seconds_to_wait(user_id, counter):
        return _refused("rate_limited", 429, {"Retry-After": str(seconds)})
    links: LinkCache = current_app.extensions["telephony_links"]
    client = client_for(links.current(), current_app.extensions["settings"], counter)
    if client is None:
        return _refused("not_connected", 403)
    try:
        made = services.key_for(client, extension, urlsplit(request.host_url).hostname or "")
    except ZadarmaError as error:
        log.warning("no key for the browser phone", code=error.code, answer=error.message)
        return _refused(error.code, 502)
    finally:
        client.close()
    return _unkept(jsonify({"key": made.key, "login": made.login}))


@bp.get("/phone/here")
@background
def here() -> Response:
    """Say whose phone this browser may be; the window asks by itself, which keeps nobody in."""
    return _unkept(jsonify({"user": me().id, "state": browser_phone()}))


@bp.post("/phone/blocked")
def blocked() -> Response:
    """Log what the browser kept from the phone: the directive and the host, never an address."""
    given = {name: request.form.get(name, "")[:_MOST_WORDS] for name in ("directive", "host")}
    log.warning("browser phone blocked", **given)
    return Response(status=204)


def _refused(code: str, status: int, headers: dict[str, str] | None = None) -> Response:
    answer = jsonify({"says": wording.phone_sentence(code)})
    answer.status_code = status
    answer.headers.update(headers or {})
    return _unkept(answer)


def _unkept(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "no-store"
    return answer
