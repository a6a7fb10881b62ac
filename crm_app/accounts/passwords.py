"""What makes a password acceptable, and how it is hashed and compared."""

import base64
import hmac
import unicodedata
from urllib.parse import urlsplit

from flask import current_app
from flask_security import hash_password, verify_password

from crm_app.accounts import strength
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.keys.services import former_peppers

MIN_LENGTH = 12
MAX_LENGTH = 256


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
    """Refuse a new password that is short, easy to guess, or made of words that lie at hand.

    Length counts, composition does not (NIST SP 800-63B §5.1.1). The words are those of the user's
    name and e-mail, of the office, its address and this product. Raises InvalidInputError.
    """
    plain = _normalise(password)
    if len(plain) < MIN_LENGTH:
        raise InvalidInputError("password_short", "password", minimum=MIN_LENGTH)
    if len(plain) > MAX_LENGTH:
        raise InvalidInputError("password_long", "password", maximum=MAX_LENGTH)
    words = words_at_hand(email=email, name=name)
    if word := strength.word_inside(plain, words):
        raise InvalidInputError("password_personal", "password", word=word)
    if strength.guesses(plain, words) < strength.ENOUGH_GUESSES:
        raise InvalidInputError("password_common", "password")


def judge(password: str, *, email: str, name: str) -> tuple[int, InvalidInputError | None]:
    """Say how good a new password would be: 1 (refused, with the reason), 2 (good) or 3."""
    try:
        check(password, email=email, name=name)
    except InvalidInputError as error:
        return 1, error
    words = words_at_hand(email=email, name=name)
    is_very_good = strength.guesses(_normalise(password), words) >= strength.MANY_GUESSES
    return (3 if is_very_good else 2), None


def words_at_hand(*, email: str, name: str) -> list[str]:
    """List the words that whoever knows a user and the office would try first."""
    # The users' table compares passwords by this module, so that it cannot be there before it.
    from crm_app.accounts.models import OfficeSettings

    host = urlsplit(current_app.extensions["settings"].base_url).hostname or ""
    local, _at, domain = email.partition("@")
    # What all hosts have in common ("com", "pt", "www") says nothing.
    names = [part.rpartition(".")[0] for part in (domain, host)]
    return [
        *strength.PRODUCT,
        *strength.words_of(name, local, *names, OfficeSettings.current().name),
    ]


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
