"""Finds texts for people that pass no translation, in the code of templates and of modules."""

import ast
import re
from collections.abc import Iterator

from jinja2 import Environment, nodes

TRANSLATING = {"_", "N_", "_l", "_n", "gettext", "lazy_gettext", "ngettext", "lazy_ngettext",
               "pgettext"}  # fmt: skip
# Lines of the log, and the name of a field whose label is asked for.
NOT_SHOWN = {"debug", "info", "warning", "error", "exception", "field_of"}
NAMES = {"Ramal", "Zadarma", "HTTP", "DID"}
# A text that begins like a sentence or a label is meant for people.
PROSE = re.compile(r"[A-ZÀ-Ý][a-zà-ÿ]+(?:[ .,:;?!…]|$)")
# What looks so and is none: names of languages, cookies, zones and kinds of fields.
TECHNICAL = {"English", "Português", "Cookie", "Lax", "Etc", "BooleanField", "SelectField",
             "SelectMultipleField"}  # fmt: skip
# What a macro or a field shows of its arguments, however the text begins.
SHOWN = {"help", "hint", "label", "title", "pretitle", "text", "message", "placeholder",
         "description"}  # fmt: skip
LETTERS = re.compile(r"[^\W\d_]{2,}")


def untranslated(source: str) -> Iterator[str]:
    """Give the texts for people in a template's code that pass no translation."""
    yield from _shown_by(Environment(autoescape=True).parse(source))


def _shown_by(node: nodes.Node, is_shown: bool = False) -> Iterator[str]:
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        if _is_for_people(node.value, is_shown):
            yield node.value
        return
    if isinstance(node, nodes.Call) and getattr(node.node, "name", "") in TRANSLATING:
        # What is put into the translated text is looked at, too.
        for argument in node.kwargs:
            yield from _shown_by(argument.value)
        return
    for child in node.iter_child_nodes():
        is_argument = isinstance(node, nodes.Keyword) and node.key in SHOWN
        yield from _shown_by(child, is_shown=is_argument or is_shown)


def bare_texts(source: str) -> Iterator[str]:
    """Give the texts for people in a module that pass no translation."""
    yield from _said_by(ast.parse(source))


def _said_by(node: ast.AST, is_shown: bool = False) -> Iterator[str]:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str) and _is_for_people(node.value, is_shown):
            yield node.value
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    name = _called(node)
    if name in TRANSLATING or name in NOT_SHOWN:
        return
    if isinstance(node, ast.Assign):
        is_shown = any(getattr(target, "attr", "").endswith("errors") for target in node.targets)
    for child in ast.iter_child_nodes(node):
        said = isinstance(child, ast.keyword) and child.arg in SHOWN
        first = isinstance(node, ast.Call) and child in node.args[:1]
        yield from _said_by(child, is_shown or said or (first and _shows_its_first(node)))


def _called(node: ast.AST) -> str:
    called = node.func if isinstance(node, ast.Call) else None
    return str(getattr(called, "attr", getattr(called, "id", "")))


def _shows_its_first(call: ast.AST) -> bool:
    name = _called(call)
    onto_errors = "errors" in ast.unparse(call.func) if isinstance(call, ast.Call) else False
    return name == "toast" or name.endswith("Field") or onto_errors


def _is_for_people(text: str, is_shown: bool) -> bool:
    words = set(LETTERS.findall(text)) - NAMES
    return bool(words) and text not in TECHNICAL and (is_shown or bool(PROSE.match(text)))
