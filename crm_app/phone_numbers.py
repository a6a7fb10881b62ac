"""Phone numbers: any format in, E.164 or a short number stored, a readable form shown.

What is read from the PBX or is stored already is never refused; what people type may be a number
that no plan knows, as long as one of its length is possible.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import phonenumbers
from phonenumbers import shortnumberinfo

from crm_app import phone_text
from crm_app.errors import InvalidInputError
from crm_app.phone_pairs import equivalents

EXTENSION_LENGTH = 5
# Services and helplines have 3 to 6 digits (ITU-T E.164 allows no shorter, Europe has 116 xxx).
_SHORT_LENGTHS = range(3, 7)
_NOT_DIGITS = re.compile(r"\D")
_STORED = re.compile(r"\+?[0-9]{1,19}")
# Between two numbers, where it does not stand inside of one.
_MAY_PART = re.compile(r"[\s/\n,]+")
# The national format and E.164 differ only at the beginning, in Argentina up to the area code.
_SURE_DIGITS = 6
_REASONS = {
    phonenumbers.ValidationResult.TOO_SHORT: "number_too_short",
    phonenumbers.ValidationResult.TOO_LONG: "number_too_long",
    phonenumbers.ValidationResult.INVALID_COUNTRY_CODE: "number_unknown_country",
    phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "number_too_short",
    phonenumbers.ValidationResult.INVALID_LENGTH: "number_wrong_length",
}
_DOUBT = "number_not_known"
_POSSIBLE, _VALID = 1, 2
Form = Literal["", "national", "international"]


@dataclass(frozen=True, slots=True)
class Read:
    """A number as it is stored, and what speaks against it: number_not_known, or nothing."""

    number: str
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Reported:
    """A number as the PBX reported it, and what else it can be if a contact has that."""

    number: str = ""
    other: str = ""


def parse(text: str, country: str) -> str:
    """Turn a number as people write it (`912 345 678`, `00351…`, `tel:+351…`) into E.164.

    Short numbers (`16200`) stay as they are. `country` is the two-letter code that national
    numbers belong to. Raises InvalidInputError as `read` does.
    """
    return read(text, country).number


@lru_cache(maxsize=1024)
def read(text: str, country: str) -> Read:
    """Read a number as people write it, and whether a numbering plan knows it.

    Raises InvalidInputError with one of the codes number_not_a_number, number_too_short,
    number_too_long, number_unknown_country, number_wrong_length, number_holds_more.
    """
    found = phone_text.find(text)
    if not found.number:
        raise InvalidInputError("number_not_a_number", number=text)
    if found.has_more:
        raise InvalidInputError("number_holds_more", number=text)
    number, reason = _typed(found.written, country)
    if number is None and _is_short(found.number):
        if _MAY_PART.search(found.written) and "/" in found.written:
            raise InvalidInputError("number_holds_more", number=text)
        return Read(found.number, "" if _is_known_short(found.number, country) else _DOUBT)
    if number is None:
        raise InvalidInputError(
            "number_holds_more" if _are_two(found.written, country) else reason, number=text
        )
    stored = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if phonenumbers.is_valid_number(number):
        return Read(stored)
    known = next(filter(is_valid, equivalents(stored)), "")
    return Read(known) if known else Read(stored, _DOUBT)


def read_known(text: str, country: str, known: Iterable[str]) -> Read:
    """Read a number that may be one of those we know: these are never refused, nor changed.

    `known` are numbers as they are stored or were reported. Raises InvalidInputError as `read`.
    """
    for number in known:
        if can_be_stored(number) and text.strip() in (number, show(number, country)):
            return Read(number, doubt_of(number, country))
    return read(text, country)


def beginning(text: str, country: str) -> str:
    """Turn the first digits of numbers as people write them into the first ones of their E.164.

    Without a plus or 00 they are national. "" when there are no digits.
    """
    digits = _NOT_DIGITS.sub("", text)
    written = text.strip()
    if written.startswith("+"):
        return f"+{digits}" if digits else ""
    if digits.startswith("00"):
        return f"+{digits[2:]}" if digits[2:] else ""
    code = phonenumbers.country_code_for_region(country)
    trunk = phonenumbers.ndd_prefix_for_region(country, True)
    national = digits.removeprefix(trunk) if trunk else digits
    return f"+{code}{national}" if national else ""


def can_be_stored(number: str) -> bool:
    """Return a number as it is stored (E.164, or a short one) from one that still must be read."""
    return _STORED.fullmatch(number) is not None


def _typed(written: str, country: str) -> tuple[phonenumbers.PhoneNumber | None, str]:
    """Return a number of possible length, or the reason why it is none."""
    cleaned = "+" + written[2:] if written.startswith("00") else written
    # A zero in brackets is dialled at home only; where it belongs to the number the library knows.
    without_zero = cleaned.replace("(0)", "", 1)
    if without_zero != cleaned and _grade(without_zero, country)[0] > _grade(cleaned, country)[0]:
        cleaned = without_zero
    try:
        number = phonenumbers.parse(cleaned, country)
    except phonenumbers.NumberParseException as error:
        code = {
            phonenumbers.NumberParseException.INVALID_COUNTRY_CODE: "number_unknown_country",
            phonenumbers.NumberParseException.TOO_SHORT_NSN: "number_too_short",
            phonenumbers.NumberParseException.TOO_SHORT_AFTER_IDD: "number_too_short",
            phonenumbers.NumberParseException.TOO_LONG: "number_too_long",
        }.get(error.error_type, "number_not_a_number")
        return None, code
    reason = phonenumbers.is_possible_number_with_reason(number)
    if reason != phonenumbers.ValidationResult.IS_POSSIBLE:
        whole = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        # Mexico's 1 makes a number too long; 351912345678 lacks only the plus.
        without_plus = [] if "+" in cleaned else ["+" + _NOT_DIGITS.sub("", cleaned)]
        for other in (*equivalents(whole), *without_plus):
            if is_valid(other):
                return phonenumbers.parse(other, None), ""
        return None, _REASONS.get(reason, "number_wrong_length")
    # The library reads one number and drops the rest; nothing typed may be lost.
    typed = phonenumbers.normalize_digits_only(cleaned)
    if number.extension or not typed.endswith(str(number.national_number)[-_SURE_DIGITS:]):
        return None, "number_holds_more"
    return number, ""


def _are_two(written: str, country: str) -> bool:
    """Whether a number that cannot be is two that can, one behind the other."""
    if re.search(r"\d\s*[/\n,]\s*\d", written):
        return True
    halves = ((written[: gap.start()], written[gap.end() :]) for gap in _MAY_PART.finditer(written))
    return any(all(_grade(half, country)[0] == _VALID for half in pair) for pair in halves)


def caller_number(text: str, country: str) -> str:
    """Read a number as the PBX sends it, tolerantly: see `reported`."""
    return reported(phone_text.find(text).number, country).number


@lru_cache(maxsize=4096)
def reported(number: str, country: str, form: Form = "") -> Reported:
    """Read the digits that the PBX tells: E.164, a short number as it is, or "" if hidden.

    Without a plus `351912345678` and `912345678` may both be meant; where both readings are
    numbers, `form` is how the event writes its others, and a country's own form comes first.
    Digits that no numbering plan knows are kept with a plus, because a call from them must still
    be logged and found again.
    """
    digits = _NOT_DIGITS.sub("", number)
    if not digits.strip("0"):
        return Reported()
    if len(digits) <= EXTENSION_LENGTH:
        return Reported(digits)
    if number.startswith("+") or digits.startswith("00"):
        whole = "+" + digits.removeprefix("00")
        return Reported(_grade(whole, country)[1] or whole)
    abroad, at_home = _grade(f"+{digits}", country), _grade(digits, country)
    if len(digits) in _SHORT_LENGTHS and _VALID not in (abroad[0], at_home[0]):
        return Reported(digits)
    first, second = (abroad, at_home) if form == "international" else (at_home, abroad)
    if second[0] > first[0]:
        first, second = second, first
    other = second[1] if second[0] == first[0] and second[1] != first[1] else ""
    return Reported(first[1] or f"+{digits}", other)


def form_of(number: str, country: str) -> Form:
    """Return the form in which digits are written, "" when they do not show it."""
    digits = _NOT_DIGITS.sub("", number)
    if len(digits) <= EXTENSION_LENGTH or number.startswith(("+", "00")):
        return ""
    abroad, at_home = _grade(f"+{digits}", country), _grade(digits, country)
    # The library takes a country's own code off by itself.
    if abroad[0] > at_home[0] or (abroad[0] and abroad == at_home):
        return "international"
    return "national" if at_home[0] > abroad[0] else ""


def _grade(text: str, country: str) -> tuple[int, str]:
    """Rate how well a reading fits a numbering plan, with its E.164; (0, "") when not at all."""
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return 0, ""
    stored = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if phonenumbers.is_valid_number(number):
        return _VALID, stored
    return (_POSSIBLE, stored) if phonenumbers.is_possible_number(number) else (0, "")


def _is_short(number: str) -> bool:
    return not number.startswith("+") and len(number) in _SHORT_LENGTHS


def _is_known_short(number: str, country: str) -> bool:
    return bool(shortnumberinfo.is_valid_short_number(_short(number, country)))


def _short(number: str, country: str) -> phonenumbers.PhoneNumber:
    code = phonenumbers.country_code_for_region(country)
    return phonenumbers.PhoneNumber(
        country_code=code,
        national_number=int(number),
        italian_leading_zero=number.startswith("0"),
    )


def split(text: str, country: str) -> Iterator[tuple[str, str]]:
    """Cut a text at the telephone numbers in it: pairs of a piece and its E.164 number, or "".

    `country` is the two-letter code that national numbers belong to. Only what a numbering plan
    knows is a number here, or every date and invoice would be one.
    """
    done = 0
    for match in phonenumbers.PhoneNumberMatcher(text, country):
        if match.start > done:
            yield text[done : match.start], ""
        style = phonenumbers.PhoneNumberFormat.E164
        yield match.raw_string, phonenumbers.format_number(match.number, style)
        done = match.end
    if done < len(text):
        yield text[done:], ""


@lru_cache(maxsize=10_000)
def show(number: str, country: str) -> str:
    """Write an E.164 number as people of `country` read it: national at home, with +code abroad."""
    if not number.startswith("+"):
        return number
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return number
    at_home = parsed.country_code == phonenumbers.country_code_for_region(country)
    style = phonenumbers.PhoneNumberFormat
    return phonenumbers.format_number(parsed, style.NATIONAL if at_home else style.INTERNATIONAL)


def show_at_home(number: str) -> str:
    """Write an E.164 number as people of its own country do: +442079460958 -> 020 7946 0958."""
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)


def is_valid(number: str) -> bool:
    """Whether a numbering plan knows this E.164 number."""
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, None))
    except phonenumbers.NumberParseException:
        return False


def doubt_of(number: str, country: str) -> str:
    """Return what speaks against a stored number: number_not_known, or "" when nothing does."""
    if not number:
        return ""
    known = is_valid(number) if number.startswith("+") else _is_known_short(number, country)
    return "" if known else _DOUBT


def country_of(number: str) -> str:
    """Return the two-letter country of an E.164 number, "" when it has none."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number, None)) or ""
    except phonenumbers.NumberParseException:
        return ""


def mask(number: str) -> str:
    """Hide all but the last two digits, for logs."""
    return f"…{number[-2:]}" if len(number) > EXTENSION_LENGTH else number
