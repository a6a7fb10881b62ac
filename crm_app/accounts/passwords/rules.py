"""What makes a password acceptable."""

import unicodedata
from urllib.parse import urlsplit

from flask import current_app

from crm_app.accounts.passwords import strength
from crm_app.errors import InvalidInputError

MIN_LENGTH = 12
MAX_LENGTH = 256


def check(password: str, *, email: str, name: str) -> None:
    """Refuse a new password that is short, easy to guess, or made of obvious words.

    Length counts, composition does not (NIST SP 800-63B §5.1.1). The words are those of the user's
    name and e-mail, of the office, its address and this product. Raises InvalidInputError.
    """
    plain = normalised(password)
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
    """Rate a new password: 1 (refused, with the reason), 2 (good) or 3."""
    try:
        check(password, email=email, name=name)
    except InvalidInputError as error:
        return 1, error
    words = words_at_hand(email=email, name=name)
    is_very_good = strength.guesses(normalised(password), words) >= strength.MANY_GUESSES
    return (3 if is_very_good else 2), None


def words_at_hand(*, email: str, name: str) -> list[str]:
    """List the words that somebody who knows the user and the office would try first."""
    # Imported here, because the users' model imports this module.
    from crm_app.accounts.models import OfficeSettings

    host = urlsplit(current_app.extensions["settings"].base_url).hostname or ""
    local, _at, domain = email.partition("@")
    # Without the top-level domain ("com", "pt"), which says nothing.
    names = [part.rpartition(".")[0] for part in (domain, host)]
    return [
        *strength.PRODUCT,
        *strength.words_of(name, local, *names, OfficeSettings.current().name),
    ]


def normalised(password: str) -> str:
    """Normalise a password as Flask-Security does before hashing and comparing."""
    return unicodedata.normalize("NFKD", password)
