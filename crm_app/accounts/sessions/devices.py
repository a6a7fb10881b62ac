"""Browsers in which a user has signed in before: their tries are counted separately.

The cookie grants no access. It only separates this browser's tries from those of others.
"""

import hashlib
import secrets
from datetime import timedelta
from typing import Any

from flask import Response, current_app, request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from crm_app.accounts import normalise
from crm_app.accounts.sessions import cookies
from crm_app.config import Config
from crm_app.encryption import Purpose

KEPT_FOR = timedelta(days=365)
# Accounts remembered per browser; the one unused for longest is dropped first.
MOST_ACCOUNTS = 5


def account_key(account: str) -> str:
    """Name an account for a counter; what is typed as an e-mail may be of any length."""
    return hashlib.sha256(normalise.email(account).encode("utf-8", "replace")).hexdigest()


def known_device(account: str) -> str:
    """Return the id of this browser if somebody has signed in to this account in it, else ""."""
    device, accounts = _read()
    return device if account_key(account) in accounts else ""


def remember(answer: Response, account: str) -> None:
    """Set the cookie of the browser that has just signed in; each sign-in makes a new id."""
    key = account_key(account)
    accounts = [key, *(known for known in _read()[1] if known != key)][:MOST_ACCOUNTS]
    answer.set_cookie(
        _name(),
        _signer().dumps([secrets.token_urlsafe(12), accounts]),
        max_age=KEPT_FOR,
        secure=_settings().is_https,
        httponly=True,
        samesite="Lax",
    )


def _read() -> tuple[str, list[str]]:
    cookie = request.cookies.get(_name(), "")
    try:
        device, accounts = _signer().loads(cookie, max_age=int(KEPT_FOR.total_seconds()))
    except BadSignature:
        return "", []
    return device, accounts


def _signer() -> Any:
    # Signed with the newest key, verified with all keys.
    keys = list(reversed(_settings().key_ring.derive_all(Purpose.DEVICES)))
    return URLSafeTimedSerializer(keys, salt="device")


def _name() -> str:
    return cookies.cookie_name(_settings(), "device")


def _settings() -> Config:
    settings: Config = current_app.extensions["settings"]
    return settings
