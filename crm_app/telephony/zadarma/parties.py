"""Who stands behind the text that Zadarma puts where a party belongs."""

import re
from dataclasses import dataclass
from typing import Literal

MAX_EXTENSION_DIGITS = 5
_LOGIN = re.compile(r"[0-9]{4,8}-([0-9]{3})\Z")
_SHORT = re.compile(r"[0-9]{1,5}\Z")
_NOT_DIGITS = re.compile(r"[^0-9]+")


@dataclass(frozen=True, slots=True)
class Party:
    """One side of a call: `extension` is our side, `hidden` cannot be called back."""

    kind: Literal["hidden", "extension", "outside"]
    digits: str
    text: str


def party(text: str) -> Party:
    """Classify a party by its number as Zadarma writes it.

    Up to 5 digits are our own side (an extension or a service); empty, `0` and words
    without digits (anonymous, private, unknown) are hidden.
    """
    stripped = "".join(text.split())
    digits = digits_of(stripped)
    if not digits.strip("0"):
        return Party("hidden", "", stripped)
    extension = extension_of(stripped)
    if extension:
        return Party("extension", extension, stripped)
    if len(digits) <= MAX_EXTENSION_DIGITS:
        return Party("extension", digits, stripped)
    return Party("outside", digits, stripped)


def digits_of(text: str) -> str:
    """Keep the digits of a text."""
    return _NOT_DIGITS.sub("", text)


def extension_of(text: str) -> str:
    """Read an extension, alone (`101`) or as a login (`499499-101`); empty if it is none."""
    login = _LOGIN.match(text)
    if login:
        return login[1]
    return text if _SHORT.match(text) and text.strip("0") else ""
