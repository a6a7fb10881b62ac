"""The house stays small: lengths, names, pins, and documents that tell what the code does."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from crm_app.config import Config

ROOT = Path(__file__).resolve().parents[2]
CODE = sorted((ROOT / "crm_app").rglob("*.py"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SCRIPTS = sorted((ROOT / "static" / "js").rglob("*.js"))
LONGEST_MODULE = 400
LONGEST_VIEW = 25
LONGEST_TEMPLATE = 120
LONGEST_SCRIPT = 250
LONGEST_FACTORY = 45
# A name that says nothing collects what nobody wanted to think about.
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "core", "base", "managers"}
INLINE = re.compile(
    r"""<script(?![^>]*\bsrc=)[^>]*>\s*\S|<style\b|<[^>{]*\sstyle=|\son[a-z]+\s*=|hx-on|["']js:"""
)
WORDS_OF_THE_PBX = re.compile(r"zd_echo|pbx/(?:internal|record)|NOTIFY_[A-Z]+")


def named(path: Path) -> str:
    """How a failing file is called in the report."""
    return str(path.relative_to(ROOT))


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    """All functions of a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def body_lines(function: ast.FunctionDef) -> int:
    """The lines of a function without decorators and docstring."""
    first = function.body[0]
    has_docstring = ast.get_docstring(function) is not None
    skipped = (first.end_lineno or first.lineno) - first.lineno + 1 if has_docstring else 0
    return (function.end_lineno or function.lineno) - function.lineno + 1 - skipped


def is_view(function: ast.FunctionDef) -> bool:
    """Tell whether a function answers an address."""
    sources = [ast.unparse(decorator) for decorator in function.decorator_list]
    return any(re.match(r"\w+\.(get|post|put|delete|route)\(", source) for source in sources)


def settings_in(text: str) -> set[str]:
    """The settings that a document's table or file assigns."""
    return set(re.findall(r"^(?:#\s*)?([A-Z][A-Z_]+)=", text, re.MULTILINE))


@pytest.mark.parametrize("path", CODE, ids=named)
def test_it_keeps_modules_short_and_says_what_they_are_for(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= LONGEST_MODULE
    assert path.stem not in EMPTY_NAMES
    summary = (ast.get_docstring(ast.parse(source)) or "").splitlines()
    assert summary, "a module says in one sentence what it is for"
    assert summary[0].rstrip().endswith((".", "`", ":")) or len(summary) > 1


@pytest.mark.parametrize("path", CODE, ids=named)
def test_it_keeps_views_short(path: Path) -> None:
    long = {
        view.name: body_lines(view)
        for view in functions(path)
        if is_view(view) and body_lines(view) > LONGEST_VIEW
    }
    assert not long


@pytest.mark.parametrize("path", CODE, ids=named)
def test_it_documents_public_functions(path: Path) -> None:
    top = ast.parse(path.read_text(encoding="utf-8")).body
    bare = [
        node.name
        for node in top
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and ast.get_docstring(node) is None
    ]
    assert not bare


def test_it_wires_the_application_in_few_lines() -> None:
    factory = next(
        function
        for function in functions(ROOT / "crm_app" / "__init__.py")
        if function.name == "create_app"
    )
    assert body_lines(factory) <= LONGEST_FACTORY
    assert len((ROOT / "wsgi.py").read_text(encoding="utf-8").split("\n\n")) <= 4


@pytest.mark.parametrize("path", TEMPLATES, ids=named)
def test_it_keeps_templates_short_and_without_inline_code(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_TEMPLATE
    assert not INLINE.findall(text)


@pytest.mark.parametrize("path", SCRIPTS, ids=named)
def test_it_keeps_scripts_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_SCRIPT
    assert not re.search(r"\beval\(|new Function|https?://", text)


@pytest.mark.parametrize(
    "path", [path for path in CODE if path.parts[-2] in {"calls", "contacts", "leads", "live"}],
    ids=named,
)  # fmt: skip
def test_it_keeps_the_words_of_the_pbx_out_of_the_features_below(path: Path) -> None:
    assert not WORDS_OF_THE_PBX.findall(path.read_text(encoding="utf-8"))


WAIT = re.compile(r"wait_for_timeout|time\.sleep|\bsleep\(|setTimeout\(")
# What polls: for something to be so, and for the office to open.
WAITS = {"conftest.py": 1, "office.py": 1}


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "browser").glob("*.py")), ids=named)
def test_it_waits_in_the_browser_for_what_happens_and_not_for_the_clock(path: Path) -> None:
    found = WAIT.findall(path.read_text(encoding="utf-8"))
    assert len(found) <= WAITS.get(path.name, 0), found


PIN = re.compile(r"([\w.\-]+)(?:\[\w+\])?==([\w.]+)")


def pins(name: str) -> dict[str, str]:
    """What a file of requirements pins, by its name in the one writing that counts."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    found = [PIN.match(line) for line in lines if line[:1].isalnum()]
    return {re.sub(r"[-_.]+", "-", pin[1]).lower(): pin[2] for pin in found if pin}


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_it_pins_every_requirement_and_locks_it_with_what_it_brings_along(name: str) -> None:
    lines = (ROOT / f"{name}.in").read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if line and not line.startswith(("#", "-r "))]
    assert not [line for line in wanted if not PIN.fullmatch(line.partition(" ;")[0])]
    locked = pins(f"{name}.txt")
    assert pins(f"{name}.in").items() <= locked.items(), "run make lock"
    assert len(locked) > len(wanted) * 3 / 2


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_it_takes_no_package_that_is_not_the_very_one(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    entries = re.findall(
        r"^[A-Za-z0-9][^\\]*\\$(?:\n {4}--hash=sha256:[0-9a-f]{64}(?: \\)?)+", text, re.M
    )
    assert len(entries) == len(re.findall(r"^[A-Za-z0-9]", text, re.M))
    assert "://" not in text


def test_it_shows_every_setting_in_the_example_file() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert settings_in(text) == {name.upper() for name in Config.model_fields}


def test_it_starts_with_the_example_file_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Config.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    example = Config(_env_file=ROOT / ".env.example")  # type: ignore[call-arg]
    plain = Config(_env_file=None)  # type: ignore[call-arg]
    assert example == plain


def test_it_takes_an_empty_value_for_the_default_as_the_example_file_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert "An empty value means the default." in text
    emptied = tmp_path / ".env"
    emptied.write_text(re.sub(r"^([A-Z_]+)=.*", r"\1=", text, flags=re.MULTILINE))
    assert emptied.read_text().count("=\n") == len(Config.model_fields)
    for name in Config.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    plain = Config(_env_file=None)  # type: ignore[call-arg]
    assert Config(_env_file=emptied) == plain  # type: ignore[call-arg]


def test_it_explains_every_setting_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\|\s*`([A-Z][A-Z_]+)`", text, re.MULTILINE))
    assert rows == {name.upper() for name in Config.model_fields}


def test_it_names_its_version_once() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    newest = re.search(r"^## (\d+\.\d+\.\d+)", changes, re.MULTILINE)
    declared = re.search(r'^version = "([^"]+)"', project, re.MULTILINE)
    assert newest is not None
    assert declared is not None
    assert newest[1] == declared[1]
