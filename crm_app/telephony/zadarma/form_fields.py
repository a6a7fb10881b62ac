"""Reads fields of notifications, however malformed."""

import json
import re
from collections.abc import Mapping

from crm_app.phone_text import HIDDEN_NUMBERS
from crm_app.telephony.zadarma.party import extension_of

_MAX_TEXT_LENGTH = 255
_MAX_MESSAGE_LENGTH = 10_000
_LONGEST_CALL_SECONDS = 7 * 24 * 3600
# PostgreSQL refuses NUL and lone surrogates in a text; no genuine field has controls.
_UNWANTED = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_UNWANTED_IN_MESSAGES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_ONLY_A_NUMBER = re.compile(r"[-+()./*#0-9\s]*[0-9][-+()./*#0-9\s]*\Z")
_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]*)?\Z")


def raw_text(fields: Mapping[str, object], name: str) -> str:
    """Take a field as text that a database can hold, spaces kept."""
    value = fields.get(name)
    return "" if value is None else _UNWANTED.sub("", str(value))[:_MAX_TEXT_LENGTH]


def text(fields: Mapping[str, object], name: str) -> str:
    """Take a field as text without spaces around it, empty if absent."""
    return raw_text(fields, name).strip()


def number(fields: Mapping[str, object], name: str) -> str:
    """Take a field as a number without spaces, or as the words in its place."""
    raw = raw_text(fields, name)
    written = raw.strip()
    # Spaces inside a name belong to it.
    if not _ONLY_A_NUMBER.match(written):
        return written
    together = "".join(written.split())
    # An unencoded plus arrives as a space. Only here does it matter.
    return f"+{together}" if raw[:1] == " " and f"+{together}" in HIDDEN_NUMBERS else together


def extension(fields: Mapping[str, object], name: str) -> str:
    """Take a field as an extension, empty if it is not one."""
    return extension_of(text(fields, name))


def seconds(fields: Mapping[str, object], name: str) -> int:
    """Take a field as whole seconds, 0 if it is not a plausible duration."""
    written = text(fields, name)
    value = int(written.partition(".")[0]) if _WHOLE_NUMBER.match(written) else 0
    return value if value <= _LONGEST_CALL_SECONDS else 0


def flag(fields: Mapping[str, object], name: str) -> bool:
    """Take a field as yes or no, in any spelling."""
    return text(fields, name).casefold() in {"1", "true", "yes", "on"}


def nested(fields: Mapping[str, str], name: str) -> Mapping[str, object]:
    """Take a field that has fields inside, as `name[inner]=` or as JSON text."""
    inner: dict[str, object] = dict(json_object(fields.get(name)))
    prefix = f"{name}["
    for key, value in fields.items():
        if key.startswith(prefix) and key.endswith("]"):
            inner[key[len(prefix) : -1]] = value
    return inner


def json_object(value: object) -> Mapping[str, object]:
    """Read JSON text as a mapping, empty if it is none."""
    if isinstance(value, Mapping):
        return value
    try:
        parsed = json.loads(str(value or "{}"))
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def message_text(fields: Mapping[str, object], name: str) -> str:
    """Take a field as the text of a message, its lines kept."""
    return _UNWANTED_IN_MESSAGES.sub("", str(fields.get(name) or ""))[:_MAX_MESSAGE_LENGTH]
