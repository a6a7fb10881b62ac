"""A request and a reply, as the parts of the simulator hand them around."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

_CALL_ID_NUMBER = re.compile(r'("call_id": )"([0-9]+\.[0-9]+)"')


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked for; `params` are those of the query or of the form body.

    `written` are the same as they came.
    """

    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    written: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered."""

    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


def read_request(method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Request:
    """Take a request apart."""
    parts = urlsplit(target)
    text = parts.query if method == "GET" else body.decode("utf-8", "replace")
    params = dict(parse_qsl(text, keep_blank_values=True))
    return Request(method, parts.path, params, headers, text)


def json_reply(
    status: int, answer: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> Reply:
    """Answer JSON; call ids go out as bare numbers, as the real API writes them."""
    text = _CALL_ID_NUMBER.sub(r"\1\2", json.dumps(answer))
    return Reply(status, text.encode(), "application/json", headers or {})


def html_reply(status: int, text: str) -> Reply:
    """Answer a page."""
    return Reply(status, text.encode(), "text/html; charset=utf-8")
