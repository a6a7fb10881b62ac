"""Splits the text of a list of calls into its records: a record that is torn costs no other.

A quote that nobody closes would make one field of all that follows. Whole records show where it
should have ended: no line break within a field is followed by one.
"""

import csv
import re
from collections.abc import Iterator

_DELIMITERS = ";,\t"
# Names may hold further signs that Unicode counts as ends of lines.
_LINE_END = re.compile("\r\n|\n|\r")
_DATE_COLUMN = "date"
_DATE = re.compile(r"\s*\"?[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]")


class Table:
    """The lines of a file, of which the first names the columns; there may be none."""

    def __init__(self, text: str) -> None:
        self._lines = _LINE_END.split(text)
        first = self._lines[0]
        self._delimiter = max(_DELIMITERS, key=first.count)
        self.is_empty = not any(line.strip() for line in self._lines)
        self.columns = [_bare(name).casefold() for name in first.split(self._delimiter)]

    def records(self) -> Iterator[dict[str, str]]:
        """Give each record that is not empty, by the names of its columns."""
        at = 1
        while at < len(self._lines):
            values, at = self._record(at)
            if any(values):
                yield dict(zip(self.columns, values, strict=False))

    def _record(self, at: int) -> tuple[list[str], int]:
        """Read the record that begins with a line, and say with which the next one begins.

        One that is none by the rules of quotes is its first line, split without them.
        """
        plain = [_bare(value) for value in self._lines[at].split(self._delimiter)]
        if '"' not in self._lines[at]:
            return plain, at + 1
        end, is_torn = at, False

        def its_lines() -> Iterator[str]:
            nonlocal end, is_torn
            while end == at or (end < len(self._lines) and not self._is_whole(self._lines[end])):
                end += 1
                yield self._lines[end - 1]
            # Asked for one more: a quote is still open.
            is_torn = True

        try:
            values = next(csv.reader(its_lines(), delimiter=self._delimiter))
        except csv.Error:
            return plain, at + 1
        if is_torn or len(values) < len(self.columns) <= len(plain):
            return plain, at + 1
        return [value.strip() for value in values], end

    def _is_whole(self, line: str) -> bool:
        """Whether a line is a record of its own, not the end of a field that is broken."""
        values = line.split(self._delimiter)
        if len(values) < len(self.columns):
            return False
        dated = _DATE.match(values[self.columns.index(_DATE_COLUMN)])
        # The rest of a broken first field closes it.
        return dated is not None and values[0].count('"') % 2 == 0


def _bare(value: str) -> str:
    return value.strip().strip('"').strip()
