"""The one normalised form in which people and leads are searched, the same on both engines."""

import re
import unicodedata

# NFKD leaves these letters whole, so they are mapped by hand.
_WHOLE_LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "ß": "ss", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"}
)
# Whoever types takes the sign that is on the keyboard; texts from elsewhere hold the finer one.
_PLAIN_MARKS = str.maketrans(dict.fromkeys("‘’ʼ´`", "'") | dict.fromkeys("‐‑‒–—―−", "-"))
_SPACES = re.compile(r"\s+")
# Of these nobody sees which one it is: NUL, marks of writing direction, soft hyphens.
_UNSEEN = {"Cc", "Cf"}
# As a link or with the code of a country, and so surely a phone number.
_PHONE = re.compile(r"(?:tel:|\+|00)\s*", re.IGNORECASE)
_DIGITS_AND_MARKS = re.compile(r"[\d\s()+./\-]+")
_NATIONAL_ZERO = re.compile(r"\(0\)")
_NOT_DIGITS = re.compile(r"\D")


def normalise(text: str) -> str:
    """Lower a text, drop its accents and fold its white space: "João  Łuk" -> "joao luk"."""
    plain = _SPACES.sub(" ", text).translate(_PLAIN_MARKS)
    lowered = plain.casefold().translate(_WHOLE_LETTERS)
    decomposed = unicodedata.normalize("NFKD", lowered)
    bare = "".join(
        char
        for char in decomposed
        if not unicodedata.combining(char) and unicodedata.category(char) not in _UNSEEN
    )
    return _SPACES.sub(" ", bare).strip()


def readings(query: str) -> list[list[str]]:
    """Read what somebody typed as search terms, in each way that it can be meant.

    "joão silva" -> [["joao", "silva"]]; "+351 912-345" -> [["351912345"]]. Digits with marks may be
    a number in any writing or stand in a text like this: "24/7" -> [["24/7"], ["247"]].
    """
    written = normalise(query)
    phone = _PHONE.match(written)
    if not _DIGITS_AND_MARKS.fullmatch(written.removeprefix("tel:")):
        return [written.split()] if written else []
    digits = _NOT_DIGITS.sub("", _NATIONAL_ZERO.sub("", written) if phone else written)
    number = [digits.removeprefix("00")] if digits.removeprefix("00") else []
    if phone or not number or [written] == number:
        return [number] if number else []
    return [[written], number]


def escape_like(term: str) -> str:
    r"""Protect `%`, `_` and the escape sign `\` of a term for a LIKE pattern."""
    return term.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
