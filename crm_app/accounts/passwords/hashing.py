"""Hashes passwords, and compares them with hashes."""

import base64
import hmac

from flask import current_app
from flask_security import hash_password, verify_password

from crm_app.accounts.passwords import rules
from crm_app.accounts.passwords.rules import normalised
from crm_app.keys.services import former_peppers


def make_hash(password: str, *, email: str, name: str) -> str:
    """Check a new password and hash it; call it outside a transaction.

    Hashing is slow on purpose, and on SQLite all other writers would wait for it. Raises
    InvalidInputError on the field `password`: password_short, password_long, password_personal or
    password_common.
    """
    rules.check(password, email=email, name=name)
    return str(hash_password(normalised(password)))


def matches(password: str, stored: str | None, *, is_former: bool = False) -> bool:
    """Compare a password with a stored hash; call it outside a transaction, like `make_hash`.

    `is_former` says that the hash was made by release 0.2.0 or older.
    """
    if is_former:
        return matches_former(normalised(password), stored)
    return bool(stored and verify_password(normalised(password), stored))


def matches_former(password: str, stored: str | None) -> bool:
    """Compare a normalised password with a hash that was made together with the secret key."""
    peppers = former_peppers(current_app.extensions["settings"].key_ring)
    return bool(stored) and any(
        verify_password(_with_pepper(password, pepper), str(stored)) for pepper in peppers
    )


def _with_pepper(password: str, pepper: str) -> str:
    # As Flask-Security does it unless it hashes only once.
    mixed = hmac.digest(pepper.encode(), password.encode(), "sha512")
    return base64.b64encode(mixed).decode("ascii")
