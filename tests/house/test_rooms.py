"""Every module has a place that a newcomer can guess: few in a room, and each in a contract."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOST_MODULES = 12
PACKAGES = sorted(path.parent for path in (ROOT / "crm_app").rglob("__init__.py"))
# The ground has one module for each topic; the contract of the stack closes its list.
ROOMS = [package for package in PACKAGES if package != ROOT / "crm_app"]


def dotted(path: Path) -> str:
    """How a module or package is imported."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def modules_of(package: Path) -> list[str]:
    """The names of a package's modules."""
    return sorted(path.stem for path in package.glob("*.py") if path.stem != "__init__")


def rooms_of(package: Path) -> set[str]:
    """The names of a package's modules and packages."""
    return {*modules_of(package), *(one.name for one in PACKAGES if one.parent == package)}


def layered() -> dict[str, set[str]]:
    """What the import contracts of layers name, by the package that contains it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    named: dict[str, set[str]] = {}
    for contract in project["tool"]["importlinter"]["contracts"]:
        if contract["type"] != "layers":
            continue
        names = {
            name.strip(" ()")
            for layer in contract["layers"]
            for name in layer.replace("|", ":").split(":")
        }
        for container in contract["containers"]:
            for name in names:
                inside, _, last = f"{container}.{name}".rpartition(".")
                named.setdefault(inside, set()).add(last)
                named.setdefault(container, set()).add(name.split(".")[0])
    return named


@pytest.mark.parametrize("package", ROOMS, ids=dotted)
def test_it_keeps_rooms_small(package: Path) -> None:
    assert len(modules_of(package)) <= MOST_MODULES


@pytest.mark.parametrize("package", PACKAGES, ids=dotted)
def test_it_names_every_room_in_a_contract_of_layers(package: Path) -> None:
    if len(rooms_of(package)) > 1:
        assert rooms_of(package) <= layered().get(dotted(package), set())


def test_the_page_for_newcomers_names_only_what_is_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    tests = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert not [name for name in re.findall(r"`(test_\w+)`", text) if f"def {name}(" not in tests]
    paths = re.findall(r"`([a-z_]+(?:/[a-z_.]+)+\.(?:py|html|md))`", text)
    homes = (ROOT, ROOT / "crm_app", ROOT / "crm_app" / "calls")
    assert not [path for path in paths if not any((home / path).exists() for home in homes)]
