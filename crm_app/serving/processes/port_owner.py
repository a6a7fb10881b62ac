"""Which program holds a port, as far as the system tells us."""

import os
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTENING = "0A"


def find(port: int) -> str:
    """Name the program that listens on a port as `name (process 42)`; empty when unknown."""
    sockets = {f"socket:[{inode}]" for table in _TABLES for inode in _inodes(table, port)}
    if not sockets:
        return ""
    for folder in Path("/proc").glob("[0-9]*"):
        if _holds_any(folder / "fd", sockets):
            return f"{_name(folder)} (process {folder.name})"
    return ""


def _inodes(table: Path, port: int) -> list[str]:
    try:
        rows = [line.split() for line in table.read_text(encoding="ascii").splitlines()[1:]]
    except OSError:
        return []
    return [row[9] for row in rows if row[3] == _LISTENING and row[1].endswith(f":{port:04X}")]


def _holds_any(folder: Path, sockets: set[str]) -> bool:
    try:
        return any(os.readlink(entry) in sockets for entry in folder.iterdir())
    except OSError:
        return False


def _name(folder: Path) -> str:
    try:
        return (folder / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "a program"
