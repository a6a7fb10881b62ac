"""Every visible string is in both languages."""

import io
import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from tests.house.bare_text import NAMES, bare_texts, untranslated

ROOT = Path(__file__).resolve().parents[2]
TRANSLATIONS = ROOT / "crm_app" / "translations"
KEYWORDS = {"_": None, "_l": None, "N_": None, "gettext": None, "lazy_gettext": None,
            "ngettext": (1, 2), "_n": (1, 2), "lazy_ngettext": (1, 2),
            "pgettext": ((1, "c"), 2)}  # fmt: skip
OPTIONS = {"jinja2": {"silent": "false", "encoding": "utf-8"}}
# What stands between tags and needs no translation: signs, and the product's own name.
TAGS = re.compile(
    r"<(script|style)\b.*?</\1>|\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<!--.*?-->", re.DOTALL
)
TEXT = re.compile(r">([^<>]*[A-Za-z]{2}[^<>]*)<")
ATTRIBUTE = re.compile(r"""\b(?:title|placeholder|aria-label|alt)="([^"{}]*[A-Za-z]{2}[^"{}]*)\"""")
# Modules whose texts people see on pages.
SPEAKING = sorted(
    path
    for path in (ROOT / "crm_app").rglob("*.py")
    if path.stem.endswith(("views", "forms", "wording", "fields")) or path.parent.name == "web"
    if path.parent.name != "health"
)


Message = tuple[str | tuple[str, ...], str | None]


def extracted() -> set[Message]:
    """All messages of the code and the templates, with their context."""
    found: set[Message] = set()
    for folder, method in (
        ("crm_app", [("**.py", "python")]),
        ("templates", [("**.html", "jinja2")]),
    ):
        for _file, _line, message, _comments, context in extract_from_dir(
            ROOT / folder,
            method,
            {"**.html": OPTIONS["jinja2"]},
            keywords=KEYWORDS,
            # Babel's own filter leaves out folders like our templates/_ui.
            directory_filter=lambda _path: True,
        ):
            if message:
                found.add((message, context))
    return found


def catalog(language: str) -> Catalog:
    """The catalogue as translators edit it."""
    path = TRANSLATIONS / language / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as file:
        return read_po(file, locale=language)


@pytest.mark.parametrize("language", ["pt"])
def test_it_translates_every_string(language: str) -> None:
    known = catalog(language)
    missing = []
    for message, context in extracted():
        key = message[0] if isinstance(message, tuple) else message
        entry = known.get(key, context)
        strings = (
            entry.string
            if entry and isinstance(entry.string, (tuple, list))
            else [entry and entry.string]
        )
        if entry is None or entry.fuzzy or not all(strings):
            missing.append(key)
    assert not missing, f"{len(missing)} strings without {language}: {sorted(missing)[:20]}"


@pytest.mark.parametrize("language", ["pt"])
def test_it_keeps_every_placeholder(language: str) -> None:
    for entry in catalog(language):
        strings = entry.string if isinstance(entry.string, (tuple, list)) else [entry.string]
        ids = entry.id if isinstance(entry.id, (tuple, list)) else [entry.id]
        if entry.id:
            wanted = set(re.findall(r"%\(\w+\)[sd]", " ".join(ids)))
            for string in strings:
                assert set(re.findall(r"%\(\w+\)[sd]", string)) <= wanted, entry.id
                assert entry.pluralizable or set(re.findall(r"%\(\w+\)[sd]", string)) == wanted


@pytest.mark.parametrize("language", ["pt"])
def test_it_ships_the_compiled_catalogue_of_the_same_strings(language: str) -> None:
    compiled = TRANSLATIONS / language / "LC_MESSAGES" / "messages.mo"
    shipped = read_mo(io.BytesIO(compiled.read_bytes()))
    for entry in catalog(language):
        if entry.id and entry.string:
            same = shipped.get(
                entry.id if isinstance(entry.id, str) else entry.id[0], entry.context
            )
            assert same is not None, entry.id
            assert list(same.string) == list(entry.string), entry.id


@pytest.mark.parametrize("template", sorted((ROOT / "templates").rglob("*.html")), ids=str)
def test_it_has_no_bare_text_in_templates(template: Path) -> None:
    bare = TAGS.sub("", template.read_text(encoding="utf-8"))
    texts = [text.strip() for text in TEXT.findall(bare)] + ATTRIBUTE.findall(bare)
    assert not [text for text in texts if set(re.findall(r"[^\W\d_]{2,}", text)) - NAMES], template


@pytest.mark.parametrize("template", sorted((ROOT / "templates").rglob("*.html")), ids=str)
def test_it_has_no_bare_text_in_what_templates_say_by_code(template: Path) -> None:
    assert not list(untranslated(template.read_text(encoding="utf-8")))


@pytest.mark.parametrize("module", SPEAKING, ids=str)
def test_it_has_no_bare_text_in_modules_that_speak_to_people(module: Path) -> None:
    assert not list(bare_texts(module.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "template",
    [
        '{{ field(form.name, help="plain words") }}',
        '{{ page_header("Plain words") }}',
        '{% call box(title="plain") %}{% endcall %}',
        '{{ "Plain" if x else _("Not plain") }}',
        '{% set words = "Plain words" %}',
        '{{ _("Said of %(what)s", what="Plain words") }}',
    ],
)
def test_it_would_notice_bare_text_in_what_a_template_says_by_code(template: str) -> None:
    assert list(untranslated(template))


@pytest.mark.parametrize(
    "code",
    [
        'field.errors = ["Plain words."]',
        'field.errors = ["plain words"]',
        'form.form_errors.append("plain words")',
        'toast("plain words")',
        'name = StringField("Name")',
        'name = StringField(_l("Name"), description="plain words")',
        'raise ValidationError("Plain words.")',
        'text = f"Plain words of {name}"',
    ],
)
def test_it_would_notice_bare_text_in_a_module_that_speaks_to_people(code: str) -> None:
    assert list(bare_texts(code))


def test_it_takes_no_technical_word_for_bare_text() -> None:
    assert not list(untranslated('{{ field(form.x, class="form-control", help=_("Words")) }}'))
    assert not list(bare_texts('"""Plain words."""\nlog.error("Plain words")\nx = _l("Words.")'))
