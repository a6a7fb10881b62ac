"""One word for one thing, in English that nobody has to learn first."""

import ast
import re
from pathlib import Path

import pytest

from tests.house.test_budgets import CODE, ROOT, TEMPLATES, named

TEXTS = [
    *CODE,
    *TEMPLATES,
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / name for name in ("CONTRIBUTING.md", "DECISIONS.md", "README.md")),
]
# Words that a native engineer would smile at: "learned" or "asked", "again", "from where", "who".
BANNED = re.compile(
    r"\b(?:told|anew|whence|whoever|whosoever|tell whether|lay|lays|laid|meanwhile|shall|"
    r"behind the back|spoil(?:t|s|ed)?|mended)\b",
    re.IGNORECASE,
)
# A name says what a thing is in the field's own words, not what it is like.
ALLEGORIES = re.compile(
    r"desk|door|teller|wish|(?<!hi)stor(?:y|ies)|together|tidings|whence", re.IGNORECASE
)
GLOSSARY = re.compile(r"^\| ([a-z][a-z -]+) \| .{10,}? \|", re.MULTILINE)


@pytest.mark.parametrize("path", TEXTS, ids=named)
def test_it_speaks_plain_english(path: Path) -> None:
    found = [
        f"{number}: {line.strip()}"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if BANNED.search(line)
    ]
    assert not found


@pytest.mark.parametrize("path", CODE, ids=named)
def test_it_names_modules_and_classes_without_allegory(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    classes = [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    odd = [name for name in [path.stem, path.parent.name, *classes] if ALLEGORIES.search(name)]
    assert not odd
