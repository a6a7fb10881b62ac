"""Phone numbers: any writing in, E.164 stored, a pleasant form shown."""

import re
from functools import lru_cache

import phonenumbers

from crm_app.errors import InvalidInputError

EXTENSION_LENGTH = 5
_NOT_DIGITS = re.compile(r"\D")
_LINK = re.compile(r"^\s*tel:", re.IGNORECASE)
# Marks of writing direction and the like, which come along when a number is copied from a page.
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
# National writing and E.164 differ at the beginning only, in Argentina up to the area code.
_SURE_DIGITS = 6
_REASONS = {
    phonenumbers.ValidationResult.TOO_SHORT: "number_too_short",
    phonenumbers.ValidationResult.TOO_LONG: "number_too_long",
    phonenumbers.ValidationResult.INVALID_COUNTRY_CODE: "number_unknown_country",
    phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "number_too_short",
    phonenumbers.ValidationResult.INVALID_LENGTH: "number_wrong_length",
}


def parse(text: str, country: str) -> str:
    """Turn a number as people write it (`912 345 678`, `00351…`, `tel:+351…`) into E.164.

    `country` is the two-letter code that national numbers belong to. Raises InvalidInputError
    with one of the codes number_not_a_number, number_too_short, number_too_long,
    number_unknown_country, number_wrong_length, number_impossible, number_holds_more.
    """
    cleaned = _LINK.sub("", _INVISIBLE.sub("", text)).strip()
    if cleaned.startswith("00"):
        cleaned = "+" + cleaned[2:]
    try:
        number = phonenumbers.parse(cleaned, country)
    except phonenumbers.NumberParseException as error:
        code = {
            phonenumbers.NumberParseException.INVALID_COUNTRY_CODE: "number_unknown_country",
            phonenumbers.NumberParseException.TOO_SHORT_NSN: "number_too_short",
            phonenumbers.NumberParseException.TOO_SHORT_AFTER_IDD: "number_too_short",
            phonenumbers.NumberParseException.TOO_LONG: "number_too_long",
        }.get(error.error_type, "number_not_a_number")
        raise InvalidInputError(code, number=text) from error
    reason = phonenumbers.is_possible_number_with_reason(number)
    if reason != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise InvalidInputError(_REASONS.get(reason, "number_impossible"), number=text)
    if not phonenumbers.is_valid_number(number):
        raise InvalidInputError("number_impossible", number=text)
    # The library reads one number and an extension and drops the rest; nothing typed may be lost.
    typed = phonenumbers.normalize_digits_only(cleaned)
    if number.extension or not typed.endswith(str(number.national_number)[-_SURE_DIGITS:]):
        raise InvalidInputError("number_holds_more", number=text)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def caller_number(text: str, country: str) -> str:
    """Read a number as the PBX sends it, tolerantly: E.164, an extension's digits, or "" if hidden.

    Up to five digits are our own side (protocol notes §4.4). Digits that no numbering plan knows
    are kept with a plus, because a call from them must still be logged and found again.
    """
    stripped = text.strip()
    digits = _NOT_DIGITS.sub("", stripped)
    if not digits.strip("0"):
        return ""
    if len(digits) <= EXTENSION_LENGTH:
        return digits
    has_prefix = stripped.startswith("+") or digits.startswith("00")
    candidates = [f"+{digits.removeprefix('00')}"] if has_prefix else [f"+{digits}", digits]
    for candidate in candidates:
        try:
            number = phonenumbers.parse(candidate, country)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"+{digits.removeprefix('00')}"


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
    """Tell whether a numbering plan knows this E.164 number."""
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, None))
    except phonenumbers.NumberParseException:
        return False


def country_of(number: str) -> str:
    """Give the two-letter country of an E.164 number, "" when it has none."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number, None)) or ""
    except phonenumbers.NumberParseException:
        return ""


def mask(number: str) -> str:
    """Hide all but the last two digits, for logs."""
    return f"…{number[-2:]}" if len(number) > EXTENSION_LENGTH else number
