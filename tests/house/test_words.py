"""One word for one thing, in English that nobody has to learn first."""

import ast
import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

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
# Correct, but not what a native engineer would write: "anyway", "this many seconds", "format",
# "what is not", "is working on", "the result of", "no longer exists", "old".
UNIDIOMATIC = re.compile(
    r"\b(?:all the same|so many (?:seconds|minutes|hours|days|bytes|rows|times)|in vain|"
    r"(?:in|of) (?:any|either|its|our|another|the other) writings?|way of writing|by the way|"
    r"(?:what|whatever|which|who) (?:is|are) no (?!longer|more)|(?:is|was) at it|what came of|"
    r"whatever came of|in (?:its|their) turn|not there any more|no longer good|"
    r"at leisure|in two hands|of long ago|takes? off the|last words)\b",
    re.IGNORECASE,
)
# What the screens said and no longer say, in either language: one word for one thing.
NOT_ON_SCREENS = {
    "en": re.compile(
        r"nobody matches|nobody we know|ask for less|is not there any more|\bis in the bin since|"
        r"no number is known|\banybody's\b|automatic function|telephone exchange|all the same|"
        r"so many days|by (?:itself|themselves)\b",
        re.IGNORECASE,
    ),
    "pt": re.compile(
        r"\btelefon(?:ar?|e-|ou|am|asse|assem)\b(?! central)|perdidas?\b.*chamada|"
        r"chamadas? perdidas?|por omissão|acrescent|retirar? a (?:aplicação|chave)|"
        r"tente (?:outra vez|novamente)|toda a gente|ninguém corresponde|nenhuma? \w+ assim|"
        r"\b(?:usuário|tela|arquivo|celular|senha|cadastr|salvar|deletar|gerenci)",
        re.IGNORECASE,
    ),
}
# A name says what a thing is in the field's own words, not what it is like.
ALLEGORIES = re.compile(
    r"desk|door|teller|wish|(?<!hi)stor(?:y|ies)|together|tidings|whence", re.IGNORECASE
)
CATALOGUE = ROOT / "crm_app" / "translations" / "pt" / "LC_MESSAGES" / "messages.po"
GLOSSARY = re.compile(r"^\| ([a-z][a-z -]+) \| .{10,}? \|", re.MULTILINE)


@pytest.mark.parametrize("path", TEXTS, ids=named)
def test_it_speaks_plain_english(path: Path) -> None:
    found = [
        f"{number}: {line.strip()}"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if BANNED.search(line) or UNIDIOMATIC.search(line)
    ]
    assert not found


@pytest.mark.parametrize("language", ["en", "pt"])
def test_it_says_no_given_up_words_on_screens(language: str) -> None:
    with (CATALOGUE).open("rb") as file:
        messages = [message for message in read_po(file, locale="pt") if message.id]
    texts = [message.id if language == "en" else message.string for message in messages]
    every = [text for some in texts for text in (some if isinstance(some, tuple) else (some,))]
    assert len(every) > 500
    assert not [text for text in every if NOT_ON_SCREENS[language].search(text)]


@pytest.mark.parametrize("path", CODE, ids=named)
def test_it_names_modules_and_classes_without_allegory(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    classes = [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    odd = [name for name in [path.stem, path.parent.name, *classes] if ALLEGORIES.search(name)]
    assert not odd
