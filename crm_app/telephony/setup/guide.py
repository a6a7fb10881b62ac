"""The guide for administrators: a text in each language, shown as a page with its pictures."""

import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

DOCS = Path(__file__).resolve().parents[3] / "docs"
PICTURES = DOCS / "screenshots"
_PICTURE = re.compile(r"screenshots/([a-z0-9-]+\.png)")


def text_of(language: str) -> str:
    """Read the guide of a language, that in English where there is none."""
    path = DOCS / f"zadarma.{language}.md"
    return (path if path.exists() else DOCS / "zadarma.en.md").read_text(encoding="utf-8")


def page_of(language: str, picture_url: Callable[[str], str]) -> Markup:
    """Return the guide as HTML; `picture_url` gives the address of a picture by its name."""
    # The texts are ours; markup in them is escaped nevertheless.
    return Markup(_html(language).replace("\0", picture_url("")))  # noqa: S704


def pictures() -> set[str]:
    """Name the pictures that the guide shows."""
    return set(_PICTURE.findall(text_of("en")))


@lru_cache(maxsize=4)
def _html(language: str) -> str:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(text_of(language))
    # The page has a heading of its own.
    tokens = tokens[3:]
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            token.attrSet("id", _anchor(tokens[place + 1].content))
        elif token.type == "table_open":
            token.attrSet("class", "table table-sm guide-table")
        for part in token.children or ():
            _dress(part)
    page = str(parser.renderer.render(tokens, parser.options, {}))
    wide = page.replace("<table", '<div class="table-responsive" tabindex="0"><table')
    return wide.replace("</table>", "</table></div>")


def _dress(token: Token) -> None:
    if token.type == "image":
        name = str(token.attrs["src"]).removeprefix("screenshots/")
        token.attrSet("src", f"\0{name}")
        token.attrSet("class", "img-fluid border rounded")
        token.attrSet("loading", "lazy")


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w]+", "-", heading.casefold()).strip("-")
