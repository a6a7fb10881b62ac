"""The one normalised form in which people and leads are searched, the same on both engines."""

import re
import unicodedata

# NFKD leaves these letters whole, so they are mapped by hand.
_WHOLE_LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "ß": "ss", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"}
)
_SPACES = re.compile(r"\s+")
_DIGITS_AND_MARKS = re.compile(r"[\d\s()+./\-]+")
_NOT_DIGITS = re.compile(r"\D")
MINIMUM_LENGTH = 3


def normalise(text: str) -> str:
    """Lower a text, drop its accents and fold its white space: "João  Łuk" -> "joao luk"."""
    lowered = text.casefold().translate(_WHOLE_LETTERS)
    decomposed = unicodedata.normalize("NFKD", lowered)
    bare = "".join(char for char in decomposed if not unicodedata.combining(char))
    return _SPACES.sub(" ", bare).strip()


def words(query: str) -> list[str]:
    """Split what somebody typed into search terms; a number in any writing is one term of digits.

    "joão silva" -> ["joao", "silva"]; "+351 912-345" -> ["351912345"]; "00351912" -> ["351912"].
    """
    stripped = query.strip().removeprefix("tel:")
    if stripped and _DIGITS_AND_MARKS.fullmatch(stripped):
        digits = _NOT_DIGITS.sub("", stripped)
        return [digits.removeprefix("00")] if digits.removeprefix("00") else []
    return normalise(query).split()


def escape_like(term: str) -> str:
    r"""Protect `%`, `_` and the escape sign `\` of a term for a LIKE pattern."""
    return term.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
