"""Cleaning typed text: invisible characters, white space, direction marks in sentences."""

import re
import unicodedata

from crm_app.errors import InvalidInputError

# Unicode's Default_Ignorable_Code_Point, and what its fonts draw as nothing: Hangul fillers,
# joiners, variation selectors, tags; Braille's blank and the empty note head.
_BLANK = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# Control characters but tab and line feed, separators of lines that no field has, halves of
# surrogate pairs, and what turns or overrides the direction of all that follows. The marks that
# write Persian, Arabic, Hebrew and emoji as they should be (ZWNJ, ZWJ, LRM, RLM) stay.
_HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u206f\ufff9-\ufffb\ud800-\udfff]"
)
# At an end these join, part or space nothing.
_EDGES = "\u00ad\u200b\u2060\ufeff\u180e"
_SPACES = {"Zs", "Zl", "Zp", "Cc"}
_RIGHT_TO_LEFT = {"R", "AL", "AN", "RLE", "RLO", "RLI"}
# First strong isolate, and the pop that ends it: what <bdi> is where there are no elements.
_ISOLATE, _POP = "\u2068", "\u2069"


def N_(words: str) -> str:  # noqa: N802 (the name by which gettext's tools know it)
    """Mark words for the catalogues where there is no Babel; who shows them translates them."""
    return words


def clean(text: str | None) -> str:
    """Take out of a typed text what nobody means to type; "" when nothing of it can be seen.

    That is spaces and invisible signs around it, control characters, and signs that turn the
    direction of what follows. Line ends become LF.
    """
    plain = (text or "").replace("\r\n", "\n").replace("\r", "\n")
    bare = _strip(_HARMFUL.sub("", plain))
    return bare if is_visible(bare) else ""


def limited(text: str | None, field: str, limit: int) -> str:
    """Clean a text; raises InvalidInputError(too_long) for more than `limit` characters."""
    bare = clean(text)
    if len(bare) > limit:
        raise InvalidInputError("too_long", field, limit=limit)
    return bare


def required(text: str | None, code: str, field: str, limit: int | None = None) -> str:
    """Clean a text that must be there; raises InvalidInputError(code, field) when it is not.

    One with more characters than a `limit` is too_long.
    """
    bare = clean(text) if limit is None else limited(text, field, limit)
    if not bare:
        raise InvalidInputError(code, field)
    return bare


def is_visible(text: str) -> bool:
    """Whether there is anything to see in a text."""
    return any(unicodedata.category(sign) not in _SPACES for sign in _BLANK.sub("", text))


def isolated(text: str) -> str:
    """Make a text fit to stand inside a sentence: whatever it says, it turns nothing around it.

    Most texts come back as they are; one from right to left is kept apart by two invisible signs.
    """
    if text.isascii() and text.isprintable():
        return text
    plain = _HARMFUL.sub("", text)
    if any(unicodedata.bidirectional(sign) in _RIGHT_TO_LEFT for sign in plain):
        return f"{_ISOLATE}{plain}{_POP}"
    return plain


def _strip(text: str) -> str:
    before = None
    while text != before:
        before, text = text, text.strip().strip(_EDGES)
    return text
