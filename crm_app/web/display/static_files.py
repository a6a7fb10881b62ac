"""Static files: their addresses change with what they hold, so a browser asks for each once."""

import re
from functools import cache
from hashlib import sha256
from pathlib import Path

from flask import Flask, Response, send_from_directory

from crm_app.web.access import public

KEPT_SECONDS = 365 * 24 * 60 * 60
MARK = re.compile("[0-9a-f]{8}")


def register(app: Flask, folder: Path) -> None:
    """Serve a folder; `url_for("static", filename=...)` gives addresses that are kept for a year.

    The mark is a part of the path, so what a script or a style names relatively has it, too. An
    address with the mark of another release, as an open page asks for after an update, and one
    without a mark give today's file, which is asked for again each time.
    """
    mark = mark_of(folder)

    @public
    def kept(filename: str) -> Response:
        answer = send_from_directory(folder, filename, max_age=KEPT_SECONDS)
        answer.cache_control.immutable = True
        return answer

    @public
    def current(filename: str) -> Response:
        first, _, rest = filename.partition("/")
        return send_from_directory(folder, rest if MARK.fullmatch(first) else filename)

    app.add_url_rule(f"/static/{mark}/<path:filename>", "static", kept)
    app.add_url_rule("/static/<path:filename>", "current_static", current)


@cache
def mark_of(folder: Path) -> str:
    """Give what the names and contents of all files of a folder make, 8 hexadecimal digits."""
    digest = sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\n{len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:8]
