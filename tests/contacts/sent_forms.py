"""What a browser without scripts would send back of a page's form."""

from html.parser import HTMLParser
from typing import Any


class _FormReader(HTMLParser):
    """Collects what the successful controls of the form marked `novalidate` hold, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: list[tuple[str, str]] = []
        self._is_inside = self._is_in_template = False
        self._select: list[str] = []
        self._area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Read an input, or begin a form, a template, a choice or a text."""
        told = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._is_inside = "novalidate" in told
        elif tag == "template":
            self._is_in_template = True
        if not self._is_inside or self._is_in_template:
            return
        if tag == "input" and told.get("name"):
            self._read_input(told)
        elif tag == "select":
            self._select = [told["name"]]
        elif tag == "option" and ("selected" in told or len(self._select) == 1):
            self._select[1:] = [told["value"]]
        elif tag == "textarea":
            self._area = told["name"]
            self.fields.append((self._area, ""))

    def _read_input(self, told: dict[str, str]) -> None:
        kind = told.get("type", "text")
        if kind not in {"radio", "checkbox"} or "checked" in told:
            self.fields.append(
                (told["name"], told.get("value", "on" if kind == "checkbox" else ""))
            )

    def handle_data(self, data: str) -> None:
        """Read a text."""
        if self._area:
            name, before = self.fields.pop()
            self.fields.append((name, before + data))

    def handle_endtag(self, tag: str) -> None:
        """End what has begun."""
        if tag == "form":
            self._is_inside = False
        elif tag == "template":
            self._is_in_template = False
        elif tag == "select" and self._select:
            self.fields.append((self._select[0], self._select[1]))
            self._select = []
        elif tag == "textarea" and self._area:
            name, text = self.fields.pop()
            # A browser drops the line end after the tag, and sends all others as CR LF.
            plain = text.replace("\r\n", "\n").removeprefix("\n")
            self.fields.append((name, plain.replace("\n", "\r\n")))
            self._area = ""


def sent(html: str, changes: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Give what a browser would send of the page's form, with some of it typed anew.

    What is changed to None belongs to a row that a script has removed, and is not sent.
    """
    reader = _FormReader()
    reader.feed(html)
    fields = {**dict(reader.fields), **(changes or {}), **more}
    return {name: value for name, value in fields.items() if value is not None}
