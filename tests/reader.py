"""Reading a page as a browser does: its elements, what each says, and what belongs to what."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "use"}


# Two elements that say the same are two; comparing all that is in them took a test a minute.
@dataclass(eq=False)
class Element:
    """One element of a page: its attributes, and all the text inside it."""

    tag: str
    attributes: dict[str, str]
    parts: list[str] = field(default_factory=list)
    parents: tuple["Element", ...] = ()

    @property
    def text(self) -> str:
        """Give the text inside, spaces folded."""
        return " ".join("".join(self.parts).split())

    def get(self, name: str) -> str:
        """Give an attribute, "" when there is none."""
        return self.attributes.get(name, "")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        element.parents = tuple(self.open)
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if any(element.tag == tag for element in self.open):
            while self.open.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.parts.append(data)


def elements_of(page: str) -> list[Element]:
    """List all elements of a page, in their order."""
    reader = _Reader()
    reader.feed(page)
    return reader.elements
