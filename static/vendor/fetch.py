"""Brings the browser libraries of versions.json into this folder, with their licences (needs npm).

Run by `make vendor` after editing versions.json or icons.txt; what it writes is committed, so that
nobody who installs or runs Ramal needs npm.
"""

import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
SYMBOL = re.compile(r"<svg[^>]*>(?P<paths>.*?)</svg>", re.DOTALL)


def unpack(package: str, version: str, into: Path) -> Path:
    """Fetch one package of the npm registry and return the folder with its files."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("npm is needed to renew the vendored libraries")
    packed = subprocess.run(  # noqa: S603
        [npm, "pack", "--silent", f"{package}@{version}"],
        cwd=into, check=True, capture_output=True, text=True,
    )  # fmt: skip
    target = into / package.replace("/", "_")
    with tarfile.open(into / packed.stdout.strip().splitlines()[-1]) as archive:
        archive.extractall(target, filter="data")
    return target / "package"


def write_sprite(icons: Path, names: list[str], target: Path) -> None:
    """Join the named outline icons into one SVG file of symbols `#name`."""
    symbols = []
    for name in names:
        match = SYMBOL.search((icons / "icons" / "outline" / f"{name}.svg").read_text())
        if match is None:
            raise SystemExit(f"icon {name} has no drawing")
        paths = re.sub(r"\s+", " ", match["paths"]).strip()
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{paths}</symbol>')
    head = '<svg xmlns="http://www.w3.org/2000/svg">'
    target.write_text(head + "\n" + "\n".join(symbols) + "\n</svg>\n")


def write_licence(source: Path, target: Path) -> None:
    """Copy the package's licence, or name it when the package carries no text of it."""
    for path in source.iterdir():
        if path.name.upper().startswith("LICENSE"):
            shutil.copy(path, target)
            return
    about = json.loads((source / "package.json").read_text())
    target.write_text(f"{about['name']} {about['version']}: {about['license']} licence, "
                      f"{about.get('homepage', about['name'])}\n")  # fmt: skip


def main() -> None:
    """Replace every vendored library by the version named in versions.json."""
    wanted = json.loads((HERE / "versions.json").read_text())
    names = (HERE / "icons.txt").read_text().split()
    for package, entry in wanted.items():
        with tempfile.TemporaryDirectory() as scratch:
            source = unpack(package, entry["version"], Path(scratch))
            folder = HERE / entry["folder"]
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            for origin in entry["files"]:
                content = (source / origin).read_bytes()
                if origin.endswith((".css", ".js")):
                    content = re.sub(rb"(//|/\*)# sourceMappingURL=\S+( \*/)?", b"", content)
                (folder / Path(origin).name).write_bytes(content)
            if entry.get("sprite"):
                write_sprite(source, names, folder / "icons.svg")
            write_licence(source, folder / "LICENSE")


if __name__ == "__main__":
    main()
