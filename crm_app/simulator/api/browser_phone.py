"""The browser phone: where it may be used, and its keys."""

import secrets

from crm_app.clock import now
from crm_app.simulator.account import WEBPHONE_KEY_LASTS_FOR, extension_of
from crm_app.simulator.api.method import Answer, Methods, Office, Params, RefusedError, word


def _show(office: Office, params: Params) -> Answer:
    domains = office.account.webphone_domains
    settings = {"shape": "rounded", "position": "bottom_right"}
    return {"is_exists": word(domains is not None), "domains": domains or [], "settings": settings}


def _create(office: Office, params: Params) -> Answer:
    if office.account.webphone_domains is not None:
        raise RefusedError(400, "Wrong parameters!")
    office.account.webphone_domains = [_domain(params)]
    return {}


def _add(office: Office, params: Params) -> Answer:
    domains, domain = office.account.webphone_domains, _domain(params)
    if domains is None or domain in domains:
        raise RefusedError(400, "Wrong parameters!")
    domains.append(domain)
    return {}


def _key(office: Office, params: Params) -> Answer:
    sip = params.get("sip", "")
    if extension_of(sip) not in office.account.extensions:
        raise RefusedError(400, "Wrong parameters!")
    key = secrets.token_hex(16)
    office.account.webphone_keys[key] = sip, now() + WEBPHONE_KEY_LASTS_FOR
    return {"key": key}


def _domain(params: Params) -> str:
    domain = params.get("domain", "")
    if not domain or "/" in domain or ":" in domain:
        raise RefusedError(400, "Wrong parameters!")
    return domain


METHODS: Methods = {
    ("GET", "/v1/webrtc/"): _show,
    ("POST", "/v1/webrtc/create/"): _create,
    ("POST", "/v1/webrtc/domain/"): _add,
    ("GET", "/v1/webrtc/get_key/"): _key,
}
