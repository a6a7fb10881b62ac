"""Amounts of money as people type them, in the number format of their language."""

import re
from decimal import Decimal
from functools import lru_cache

from babel import Locale
from babel.numbers import format_decimal, get_decimal_symbol, get_group_symbol

from crm_app.errors import InvalidInputError
from crm_app.money import LARGEST_CENTS

# What people put between thousands in any language, besides their language's own separator.
_GROUP_SIGNS = " \u00a0\u2007\u2009\u202f'’"
_AROUND = re.compile(r"^\s*€\s*|\s*€\s*$|^\s+|\s+$")


def read_cents(text: str, locale: Locale) -> int:
    """Turn "1.234,56" (Portuguese) or "1,234.56" (English) into 123456 cents.

    Raises InvalidInputError: amount_unreadable (an extra character, or the other language's format,
    which could be off by a factor of a thousand), amount_too_large.
    """
    found = _writing(locale.language).fullmatch(_AROUND.sub("", text))
    if found is None or not re.search("[0-9]", found[0]):
        raise InvalidInputError("amount_unreadable")
    whole = re.sub("[^0-9]", "", found["whole"]).lstrip("0")
    if len(whole) > len(str(LARGEST_CENTS)):
        raise InvalidInputError("amount_too_large")
    cents = int(whole or "0") * 100 + int((found["cents"] or "").ljust(2, "0"))
    if cents > LARGEST_CENTS:
        raise InvalidInputError("amount_too_large")
    return cents


def write_cents(cents: int | None, locale: Locale) -> str:
    """Write cents as `read_cents` reads them: 123456 -> "1.234,56" or "1,234.56"."""
    if cents is None:
        return ""
    return format_decimal(Decimal(cents) / 100, "#,##0.00", locale=Locale(locale.language))


@lru_cache
def _writing(language: str) -> re.Pattern[str]:
    """Return the pattern of an amount: groups of three with one separator, at most two decimals.

    Three digits after the decimal separator are the other language's thousands, even if zeros.
    """
    # European Portuguese groups with spaces; people also use points, as other Portuguese does.
    locale = Locale(language)
    signs = re.escape(get_group_symbol(locale) + _GROUP_SIGNS)
    decimal = re.escape(get_decimal_symbol(locale))
    grouped = rf"[1-9][0-9]{{0,2}}(?P<sign>[{signs}])[0-9]{{3}}(?:(?P=sign)[0-9]{{3}})*"
    return re.compile(rf"(?P<whole>{grouped}|[0-9]*)(?:{decimal}(?P<cents>[0-9]{{0,2}}))?")
