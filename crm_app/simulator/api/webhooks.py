"""Where notifications go, and which of them are on."""

import http.client
import secrets
from urllib.parse import urlsplit

from crm_app.simulator.account import CALL_FLAGS, OTHER_FLAGS
from crm_app.simulator.api.method import Answer, Methods, Office, Params, RefusedError, word
from crm_app.simulator.posting import fetch

_CHECK_SECONDS = 5.0


def _callinfo(office: Office, params: Params) -> Answer:
    flags = {name: word(office.account.flags[name]) for name in CALL_FLAGS}
    return {"url": office.account.webhook_url, "notifications": flags}


def _set_callinfo_url(office: Office, params: Params) -> Answer:
    office.account.webhook_url = _echoing(params.get("url", ""))
    return {"url": office.account.webhook_url}


def _drop_callinfo_url(office: Office, params: Params) -> Answer:
    office.account.webhook_url = ""
    return {}


def _set_notifications(office: Office, params: Params) -> Answer:
    _set_flags(office, params, CALL_FLAGS)
    return {"notifications": _callinfo(office, params)["notifications"]}


def _webhooks(office: Office, params: Params) -> Answer:
    flags = {name: word(office.account.flags[name]) for name in OTHER_FLAGS}
    return {"url": office.account.events_url, "hooks": flags}


def _set_webhooks_url(office: Office, params: Params) -> Answer:
    office.account.events_url = _echoing(params.get("url", ""))
    return {"url": office.account.events_url}


def _drop_webhooks_url(office: Office, params: Params) -> Answer:
    office.account.events_url = ""
    return {}


def _set_hooks(office: Office, params: Params) -> Answer:
    _set_flags(office, params, OTHER_FLAGS)
    return {"hooks": _webhooks(office, params)["hooks"]}


def _set_flags(office: Office, params: Params, names: tuple[str, ...]) -> None:
    given = [params[name] for name in names if name in params]
    if any(flag not in ("true", "false") for flag in given):
        raise RefusedError(400, "Wrong parameters!")
    for name in names:
        if name in params:
            office.account.flags[name] = params[name] == "true"


def _echoing(url: str) -> str:
    if urlsplit(url).scheme not in ("http", "https"):
        raise RefusedError(400, "Wrong parameters!")
    text = secrets.token_hex(8)
    check = f"{url}{'&' if urlsplit(url).query else '?'}zd_echo={text}"
    try:
        status, body = fetch("GET", check, None, {}, _CHECK_SECONDS)
    except (OSError, ValueError, http.client.HTTPException):
        status, body = 0, ""
    if status != 200 or body != text:
        # The real one says no more about an address that does not return the echo.
        raise RefusedError(400, "Wrong parameters!")
    return url


METHODS: Methods = {
    ("GET", "/v1/pbx/callinfo/"): _callinfo,
    ("POST", "/v1/pbx/callinfo/url/"): _set_callinfo_url,
    ("DELETE", "/v1/pbx/callinfo/url/"): _drop_callinfo_url,
    ("POST", "/v1/pbx/callinfo/notifications/"): _set_notifications,
    ("GET", "/v1/pbx/webhooks/"): _webhooks,
    ("POST", "/v1/pbx/webhooks/url/"): _set_webhooks_url,
    ("DELETE", "/v1/pbx/webhooks/url/"): _drop_webhooks_url,
    ("POST", "/v1/pbx/webhooks/hooks/"): _set_hooks,
}
