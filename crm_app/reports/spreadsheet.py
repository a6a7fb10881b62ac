"""Tables as CSV that spreadsheets open: no cell of it is taken for a formula."""

import csv
import io
from collections.abc import Iterable, Sequence

# Signs with which a spreadsheet begins to compute, and those that it skips before them.
_BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
# By it Excel knows the encoding.
_MARK = "\ufeff"


def table_text(rows: Iterable[Sequence[object]], *, has_decimal_comma: bool) -> str:
    """Write rows as CSV; where the decimal sign is a comma, columns are divided by semicolons."""
    written = io.StringIO()
    writer = csv.writer(written, delimiter=";" if has_decimal_comma else ",")
    for row in rows:
        writer.writerow([_cell(value, has_decimal_comma) for value in row])
    return _MARK + written.getvalue()


def _cell(value: object, has_decimal_comma: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        text = f"{value:.4f}".rstrip("0").rstrip(".")
        return text.replace(".", ",") if has_decimal_comma else text
    text = str(value)
    if isinstance(value, int) or not text.startswith(_BEGINS_FORMULA):
        return text
    return f"'{text}"
