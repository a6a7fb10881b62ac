"""Reads the form fields of a body, in any of the encodings that the PBX uses."""

import json
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote_to_bytes

from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

MAX_FIELDS = 200
# Invalid UTF-8 must reach the signature check unchanged; "surrogateescape" preserves it.
_KEEP = "surrogateescape"


class UnreadableBodyError(ValueError):
    """The body is not a form; the message says why, in one word."""


def fields_of(body: bytes, content_type: str) -> dict[str, str]:
    """Read the fields of a form, urlencoded or multipart, decoded once and not cleaned up.

    Without a usable content type, the body itself decides. Of a repeated field the last counts.
    Raises UnreadableBodyError.
    """
    kind, options = parse_options_header(content_type)
    boundary = options.get("boundary", "").encode()
    if kind == "multipart/form-data" and boundary:
        return _multipart(body, boundary)
    if body.startswith(b"--") and kind != "application/x-www-form-urlencoded":
        return _multipart(body, body.partition(b"\r\n")[0][2:])
    if body.lstrip()[:1] == b"{":
        return _json(body)
    return _urlencoded(body)


def unencoded_fields(body: bytes, content_type: str) -> dict[str, str] | None:
    """Read a form whose sender left plus signs unencoded, which in a form mean spaces.

    None where that makes no difference.
    """
    kind, _ = parse_options_header(content_type)
    if b"+" not in body or kind == "multipart/form-data":
        return None
    try:
        return fields_of(body.replace(b"+", b"%2B"), content_type)
    except UnreadableBodyError:
        return None


def echo_of(query: bytes) -> bytes | None:
    """Return the value of `zd_echo`, byte for byte; None when it is absent."""
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        if name == b"zd_echo":
            return unquote_to_bytes(value.replace(b"+", b" "))
    return None


def as_text(body: bytes) -> str:
    """Decode a body to text; what a database cannot store is escaped."""
    return body.decode("utf-8", "backslashreplace").replace("\0", "\\x00")


def _urlencoded(body: bytes) -> dict[str, str]:
    text = body.decode("utf-8", _KEEP)
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors=_KEEP, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise UnreadableBodyError("too_many_fields") from None
    return dict(pairs)


def _multipart(body: bytes, boundary: bytes) -> dict[str, str]:
    if not 0 < len(boundary) <= 200:
        raise UnreadableBodyError("no_boundary")
    decoder = MultipartDecoder(boundary, max_form_memory_size=len(body), max_parts=MAX_FIELDS)
    parts: dict[str, bytes] = {}
    name = ""
    try:
        decoder.receive_data(body)
        decoder.receive_data(None)
        while not isinstance(event := decoder.next_event(), Epilogue | NeedData):
            if isinstance(event, Field | File):
                name = _clean_name(event.name, event.headers)
                parts[name] = b""
            elif isinstance(event, Data):
                parts[name] += event.data
    except (ValueError, KeyError, RequestEntityTooLarge):
        raise UnreadableBodyError("broken_multipart") from None
    return {key: value.decode("utf-8", _KEEP) for key, value in parts.items()}


def _clean_name(name: str | None, headers: Headers) -> str:
    if not name:
        raise ValueError(f"a part without a name, with {len(headers)} headers")
    return name


def _json(body: bytes) -> dict[str, str]:
    try:
        # Numbers stay as they are written: that is what is signed, and a recording's id has more
        # digits than a float holds.
        found = json.loads(body, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        raise UnreadableBodyError("broken_json") from None
    if not isinstance(found, Mapping):
        raise UnreadableBodyError("broken_json")
    if len(found) > MAX_FIELDS:
        raise UnreadableBodyError("too_many_fields")
    return {str(key): _as_field(value) for key, value in found.items() if value is not None}


def _as_field(value: object) -> str:
    """Convert a value to what a form would hold; nested values stay JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    return json.dumps(value, ensure_ascii=False)
