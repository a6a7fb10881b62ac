"""Hands out the sound of recordings, whole or in parts."""

import re
from functools import cache
from importlib.resources import files

from crm_app.clock import now
from crm_app.simulator.account import Account
from crm_app.simulator.history import History
from crm_app.simulator.http_types import Reply, Request

PREFIX = "/v1/pbx/record/download/"
_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)\Z")


@cache
def sound() -> bytes:
    """Read the one conversation that all recordings hold, as MP3."""
    return files(__package__).joinpath("recording.mp3").read_bytes()


def answer(request: Request, account: Account, history: History) -> Reply:
    """Answer a request for a link's sound; links run out, and files come late."""
    token = request.path.removeprefix(PREFIX).partition("/")[0]
    if not history.is_link_valid(token, now()) or not account.are_recordings_ready:
        return Reply(404, b"", "text/plain")
    return _ranged(sound(), request.headers.get("Range", ""))


def _ranged(content: bytes, wanted: str) -> Reply:
    headers = {"Accept-Ranges": "bytes"}
    asked = _RANGE.match(wanted)
    if not asked or asked[0] == "bytes=-":
        return Reply(200, content, "audio/mpeg", headers)
    size = len(content)
    if asked[1]:
        start, end = int(asked[1]), min(int(asked[2] or size), size - 1)
    else:
        start, end = max(0, size - int(asked[2])), size - 1
    if start > end:
        return Reply(416, b"", "audio/mpeg", {"Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {start}-{end}/{size}"
    return Reply(206, content[start : end + 1], "audio/mpeg", headers)
