"""The one normalised form in which people and leads are searched, the same on both engines."""

import re
import unicodedata

# NFKD leaves these letters whole, so they are mapped by hand.
_WHOLE_LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "ß": "ss", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"}
)
# People type the sign that is on the keyboard; pasted texts hold the typographic one.
_PLAIN_MARKS = str.maketrans(dict.fromkeys("‘’ʼ´`", "'") | dict.fromkeys("‐‑‒–—―−", "-"))
_SPACES = re.compile(r"\s+")
# Scripts whose words may be one or two signs, without spaces between them: Han, kana, Thai, Khmer.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]"
)
# Folding a sign may give one that has to be folded itself; no known text needs more than three.
_MOST_FOLDS = 8
# Of these nobody sees which one it is: NUL, marks of writing direction, soft hyphens.
_UNSEEN = {"Cc", "Cf"}
# As a link or with the code of a country, and so surely a phone number.
_PHONE = re.compile(r"(?:tel:|\+|00)\s*", re.IGNORECASE)
_DIGITS_AND_MARKS = re.compile(r"[\d\s()+./\-]+")
_NATIONAL_ZERO = re.compile(r"\(0\)")
_NOT_DIGITS = re.compile(r"\D")


def normalise(text: str) -> str:
    """Lower a text, drop its accents and fold its white space: "João  Łuk" -> "joao luk"."""
    for _ in range(_MOST_FOLDS):
        folded = _fold(text)
        if folded == text:
            break
        text = folded
    return text


def _fold(text: str) -> str:
    # A lone accent is an apostrophe here; decomposed it would be a space.
    plain = _SPACES.sub(" ", text).translate(_PLAIN_MARKS)
    plain = unicodedata.normalize("NFKD", plain).translate(_PLAIN_MARKS)
    lowered = plain.casefold().translate(_WHOLE_LETTERS)
    bare = "".join(
        char
        for char in unicodedata.normalize("NFKD", lowered)
        if not unicodedata.combining(char) and unicodedata.category(char) not in _UNSEEN
    )
    return _SPACES.sub(" ", bare).strip()


def is_unspaced(term: str) -> bool:
    """Whether a term is of a script that puts no spaces between words, like 王芳."""
    return bool(_UNSPACED.search(term))


def readings(query: str) -> list[list[str]]:
    """Read what somebody typed as search terms, in each way that it can be meant.

    "joão silva" -> [["joao", "silva"]]; "+351 912-345" -> [["351912345"]]. Digits with marks may be
    a number in any format or be part of a text like this: "24/7" -> [["24/7"], ["247"]].
    """
    written = normalise(query)
    phone = _PHONE.match(written)
    if not _DIGITS_AND_MARKS.fullmatch(written.removeprefix("tel:")):
        return [written.split()] if written else []
    # Italy keeps the zero that others drop: `+39 (0)6` is 3906, `+44 (0)20` is 4420.
    formats = [_NATIONAL_ZERO.sub("", written), written]
    numbers = [_NOT_DIGITS.sub("", one).removeprefix("00") for one in formats]
    found = [[number] for number in dict.fromkeys(numbers) if number]
    if phone or not found or [written] in found:
        return found
    return [[written], *found]


def escape_like(term: str) -> str:
    r"""Protect `%`, `_` and the escape sign `\` of a term for a LIKE pattern."""
    return term.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
