"""What makes a password acceptable, and how it is hashed and compared."""

import base64
import hmac
import unicodedata
from pathlib import Path

from flask import current_app
from flask_security import hash_password, verify_password

from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.keys.services import former_peppers

MIN_LENGTH = 10
MAX_LENGTH = 256
MIN_DIFFERENT = 4
# Words of this length or shorter ("Ana", "com") are part of too many good passwords.
SHORT_WORD = 3
COMMON = frozenset(
    Path(__file__).with_name("common_passwords.txt").read_text(encoding="utf-8").split()
)


def make_hash(password: str, *, email: str, name: str) -> str:
    """Check a new password and hash it.

    Ends the open transaction: hashing is slow on purpose, and on SQLite all other writers would
    wait for it. Raises InvalidInputError on the field `password`: password_short, password_long,
    password_personal or password_common.
    """
    check(password, email=email, name=name)
    db.session.commit()
    return str(hash_password(_normalise(password)))


def check(password: str, *, email: str, name: str) -> None:
    """Refuse a password that is short, often used, or made of the user's own name or e-mail.

    Length counts, composition does not (NIST SP 800-63B §5.1.1). Raises InvalidInputError.
    """
    plain = _normalise(password).casefold()
    if len(plain) < MIN_LENGTH:
        raise InvalidInputError("password_short", "password", minimum=MIN_LENGTH)
    if len(plain) > MAX_LENGTH:
        raise InvalidInputError("password_long", "password", maximum=MAX_LENGTH)
    letters = "".join(filter(str.isalpha, plain))
    own = {email.casefold(), email.casefold().partition("@")[0], name.casefold()}
    own |= {"".join(filter(str.isalpha, word)) for word in own}
    if plain in own or (len(letters) > SHORT_WORD and letters in own):
        raise InvalidInputError("password_personal", "password")
    if plain in COMMON or len(set(plain)) < MIN_DIFFERENT:
        raise InvalidInputError("password_common", "password")


def matches(password: str, stored: str | None, *, is_former: bool = False) -> bool:
    """Compare a password with a stored hash; ends the open transaction, as `make_hash` does.

    `is_former` says that the hash was made by release 0.2.0 or older.
    """
    db.session.commit()
    if is_former:
        return matches_former(_normalise(password), stored)
    return bool(stored and verify_password(_normalise(password), stored))


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


def _normalise(password: str) -> str:
    # The same form in which Flask-Security compares at sign-in.
    return unicodedata.normalize("NFKD", password)
