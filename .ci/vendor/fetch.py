"""Brings the browser libraries of versions.json into static/vendor, licences too (needs npm).

Run by `make vendor` after editing versions.json or icons.txt; what it writes is committed, so that
nobody who installs or runs Ramal needs npm. Each package must be what its manifest promises, and
what it was when its version was chosen: `integrity` in versions.json. (Take the old one out when
you change a version.)
"""

import base64
import hashlib
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
VENDOR = HERE.parents[1] / "static" / "vendor"
SYMBOL = re.compile(r"<svg[^>]*>(?P<paths>.*?)</svg>", re.DOTALL)


def npm(*arguments: str, folder: Path) -> str:
    """Run npm in a folder and give what it printed."""
    found = shutil.which("npm")
    if found is None:
        raise SystemExit("npm is needed to renew the vendored libraries")
    return subprocess.run(  # noqa: S603
        [found, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def unpack(package: str, version: str, known: str, into: Path) -> tuple[Path, str]:
    """Fetch one package; give the folder with its files and the hash that it was checked by."""
    wanted = f"{package}@{version}"
    promised = npm("view", wanted, "dist.integrity", folder=into)
    archive = into / npm("pack", "--silent", wanted, folder=into).splitlines()[-1]
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    integrity = f"sha512-{digest}"
    if integrity != promised or (known and integrity != known):
        raise SystemExit(f"{wanted} is not what it should be: {integrity}")
    target = into / package.replace("/", "_")
    with tarfile.open(archive) as packed:
        packed.extractall(target, filter="data")
    return target / "package", integrity


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


def write_versions(wanted: dict[str, dict[str, object]]) -> None:
    """Keep the hashes beside the versions, one line for each part."""
    (HERE / "versions.json").write_text(json.dumps(wanted, indent=2) + "\n")


def main() -> None:
    """Replace every vendored library by the version named in versions.json."""
    wanted = json.loads((HERE / "versions.json").read_text())
    names = (HERE / "icons.txt").read_text().split()
    for package, entry in wanted.items():
        with tempfile.TemporaryDirectory() as scratch:
            known = entry.get("integrity", "")
            source, entry["integrity"] = unpack(package, entry["version"], known, Path(scratch))
            folder = VENDOR / entry["folder"]
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
    write_versions(wanted)


if __name__ == "__main__":
    main()
