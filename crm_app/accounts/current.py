"""What views pass from a request to services: the signed-in user's row, and the vault."""

from typing import cast

from flask import current_app
from flask_login import current_user

from crm_app.accounts.models import User
from crm_app.encryption import Vault


def me() -> User:
    """Return the row behind `current_user`, which is a proxy that the database refuses."""
    return cast(User, current_user._get_current_object())


def vault() -> Vault:
    """Return what encrypts and decrypts the secrets of this office."""
    found: Vault = current_app.extensions["vault"]
    return found
