"""Classifies the text that Zadarma sends for a party of a call."""

import re
from dataclasses import dataclass
from typing import Literal

from crm_app import phone_text

MAX_EXTENSION_DIGITS = 5
_MAX_NAME_LENGTH = 60
_LOGIN = re.compile(r"[0-9]{4,8}-([0-9]{3})\Z")
_SHORT = re.compile(r"[0-9]{1,5}\Z")
_NOT_DIGITS = re.compile(r"[^0-9]+")


@dataclass(frozen=True, slots=True)
class Party:
    """One side of a call, as far as its text shows.

    `extension` is certainly one of the PBX's; a `number` of up to five digits may be one too, or an
    outside service: only the office and the PBX know. `hidden` cannot be called back; `name` is the
    text in place of a number. `code` is what was dialled around the number.
    """

    kind: Literal["hidden", "extension", "number"]
    digits: str = ""
    name: str = ""
    code: str = ""


def party(text: str) -> Party:
    """Classify a party by its number as Zadarma writes it; `digits` keep a plus in front.

    Empty, `0`, and words that hold no number (anonymous, private, `MEO123`) are hidden.
    """
    stripped = "".join(text.split()) if text[:1].isdigit() else text.strip()
    login = _LOGIN.match(stripped)
    if login:
        return Party("extension", login[1])
    found = phone_text.find(text)
    # The user part of `sip:499499-101@pbx` and the like.
    login = _LOGIN.match(found.written)
    if login:
        return Party("extension", login[1])
    if not found.number:
        return Party("hidden", "", found.name[:_MAX_NAME_LENGTH])
    return Party("number", found.number, "", found.code)


def digits_of(text: str) -> str:
    """Keep the digits of a text."""
    return _NOT_DIGITS.sub("", text)


def extension_of(text: str) -> str:
    """Read an extension, alone (`101`) or as a login (`499499-101`); empty if it is none."""
    login = _LOGIN.match(text)
    if login:
        return login[1]
    return text if _SHORT.match(text) and text.strip("0") else ""
