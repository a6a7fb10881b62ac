"""How Zadarma signs API requests and notifications."""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterator, Mapping
from urllib.parse import quote_plus

from crm_app.telephony.zadarma.events import name_of

_CALL_RULE = ("caller_id", "called_did", "call_start")
_OUTGOING_RULE = ("internal", "destination", "call_start")
_RULES: Mapping[str, tuple[str, ...]] = {
    "NOTIFY_START": _CALL_RULE,
    "NOTIFY_INTERNAL": _CALL_RULE,
    "NOTIFY_INTERNAL_END": _CALL_RULE,
    "NOTIFY_END": _CALL_RULE,
    "NOTIFY_IVR": _CALL_RULE,
    "NOTIFY_ANSWER": ("caller_id", "destination", "call_start"),
    "NOTIFY_OUT_START": _OUTGOING_RULE,
    "NOTIFY_OUT_END": _OUTGOING_RULE,
    "NOTIFY_RECORD": ("pbx_call_id", "call_id_with_rec"),
    "SMS": ("result",),
    "NUMBER_LOOKUP": ("result",),
    "CALL_TRACKING": ("result",),
}
# The caller, the extension and the called number are absent on genuine events,
# so only these can be asked for; without them an empty text would be signed.
_REQUIRED = frozenset({"call_start", "pbx_call_id", "call_id_with_rec", "result"})
_NEVER_SIGNED = frozenset({"SPEECH_RECOGNITION", "DOCUMENT"})


def params_string(params: Mapping[str, object]) -> str:
    """Write parameters as the service signs them and as they go on the wire.

    Sorted by key, form-encoded as PHP does it; None and empty lists are left out,
    lists become `key[0]=`, booleans `1` or `0`.
    """
    pairs = (
        pair
        for key in sorted(params, key=lambda name: name.encode("utf-8", "surrogatepass"))
        for pair in _flatten(key, params[key])
    )
    return "&".join(f"{_encode(key)}={_encode(value)}" for key, value in pairs)


def sign_request(path: str, params: Mapping[str, object], secret: str) -> str:
    """Sign an API request; `path` runs from `/v1` to the slash before the question mark."""
    text = params_string(params)
    checksum = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    return _sign(path + text + checksum, secret)


def authorization(key: str, secret: str, path: str, params: Mapping[str, object]) -> str:
    """Make the value of the Authorization header of an API request."""
    return f"{key}:{sign_request(path, params, secret)}"


def has_signature_rule(event: str) -> bool:
    """Whether notifications of this name are documented as signed."""
    return event not in _NEVER_SIGNED


def is_known_event(event: str) -> bool:
    """Whether this notification is documented, signed or not."""
    return event in _RULES or event in _NEVER_SIGNED


def sign_webhook(event_fields: Mapping[str, str], secret: str) -> str:
    """Sign a notification, fields as they came: decoded once and not cleaned up."""
    rule = _rule(event_fields)
    return _sign("".join(_raw(event_fields, name) for name in rule), secret)


def verify_webhook(fields: Mapping[str, str], signature: str | None, secret: str) -> bool:
    """Check the signature of a notification, in constant time.

    A notification without the fields that its signature must cover is refused,
    and so is one whose kind is never signed (see `has_signature_rule`).
    """
    if not signature or not secret or not has_signature_rule(name_of(fields)):
        return False
    if any(not _raw(fields, name) for name in _rule(fields) if name in _REQUIRED):
        return False
    expected = sign_webhook(fields, secret)
    return hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogatepass"))


def _rule(fields: Mapping[str, str]) -> tuple[str, ...]:
    # The kind itself is not signed. It must be the one that the notification is taken for, or a
    # text message and its signature could be sent again as a call.
    return _RULES.get(name_of(fields), _CALL_RULE)


def _raw(fields: Mapping[str, str], name: str) -> str:
    return str(fields.get(name) or "")


def _sign(text: str, secret: str) -> str:
    # The service encodes the hexadecimal text of the digest, not its bytes.
    digest = hmac.new(_bytes(secret), _bytes(text), hashlib.sha1).hexdigest()
    return b64encode(digest.encode()).decode()


def _bytes(text: str) -> bytes:
    # Invalid UTF-8 was decoded with "surrogateescape": it is signed as sent.
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _encode(text: str) -> str:
    return quote_plus(text, safe="", errors="surrogatepass").replace("~", "%7E")


def _flatten(key: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _flatten(f"{key}[{name}]", item)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _flatten(f"{key}[{index}]", item)
    elif isinstance(value, bool):
        yield key, "1" if value else "0"
    elif value is not None:
        yield key, str(value)
