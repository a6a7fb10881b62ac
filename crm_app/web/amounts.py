"""Amounts of money as people type them, in the writing of their language."""

import re
from decimal import Decimal

from babel import Locale
from babel.numbers import NumberFormatError, format_decimal, parse_decimal

from crm_app.errors import InvalidInputError

_ALLOWED = re.compile(r"[0-9.,'’]+", re.ASCII)
_SPACES = re.compile(r"\s+")
LARGEST_CENTS = 10**13


def read_cents(text: str, locale: Locale) -> int:
    """Turn "1.234,56" (Portuguese) or "1,234.56" (English) into 123456 cents.

    Raises InvalidInputError: amount_unreadable (a sign too many, or the other language's
    writing, which could mean a thousand times more or less), amount_too_large.
    """
    bare = _SPACES.sub("", text).removesuffix("€").removeprefix("€")
    if not _ALLOWED.fullmatch(bare):
        raise InvalidInputError("amount_unreadable")
    try:
        # European Portuguese groups by spaces; people also group by points, as the language does.
        amount = parse_decimal(bare, locale=Locale(locale.language), strict=True)
    except NumberFormatError as error:
        raise InvalidInputError("amount_unreadable") from error
    cents = amount * 100
    if cents != cents.to_integral_value():
        raise InvalidInputError("amount_unreadable")
    if cents > LARGEST_CENTS:
        raise InvalidInputError("amount_too_large")
    return int(cents)


def write_cents(cents: int | None, locale: Locale) -> str:
    """Write cents as `read_cents` reads them: 123456 -> "1.234,56" or "1,234.56"."""
    if cents is None:
        return ""
    return format_decimal(Decimal(cents) / 100, "#,##0.00", locale=Locale(locale.language))
