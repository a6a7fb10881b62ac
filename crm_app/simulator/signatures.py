"""How the service itself signs and checks, written from the protocol notes alone, §1.1 and §3.3.

Nothing here is shared with our client: a mistake in it must not agree with itself.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import unquote_plus

_FROM_CLIENTS = "caller_id called_did call_start"
_FROM_US = "internal destination call_start"
_SIGNED_FIELDS = {
    "NOTIFY_START": _FROM_CLIENTS,
    "NOTIFY_INTERNAL": _FROM_CLIENTS,
    "NOTIFY_END": _FROM_CLIENTS,
    "NOTIFY_IVR": _FROM_CLIENTS,
    "NOTIFY_ANSWER": "caller_id destination call_start",
    "NOTIFY_OUT_START": _FROM_US,
    "NOTIFY_OUT_END": _FROM_US,
    "NOTIFY_RECORD": "pbx_call_id call_id_with_rec",
    "NUMBER_LOOKUP": "result",
    "CALL_TRACKING": "result",
    "SMS": "result",
    "SPEECH_RECOGNITION": "",
    "DOCUMENT": "",
}


def of_request(path: str, parameters: str, secret: str) -> str:
    """Sign an API request whose parameters were written as `parameters` on the wire.

    The pairs may come in any order, but each must be written as PHP writes it: a space sent as
    `%20` is not what the caller has signed.
    """
    pairs = sorted(parameters.split("&"), key=_top_level) if parameters else []
    text = "&".join(pairs)
    checksum = hashlib.md5(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
    return _signature(f"{path}{text}{checksum}", secret)


def of_notification(fields: Mapping[str, str], secret: str) -> str:
    """Sign a notification; "" for the kinds that are sent without a signature."""
    text = signed_text(fields)
    return "" if text is None else _signature(text, secret)


def signed_text(fields: Mapping[str, str]) -> str | None:
    """Return the text that the signature of a notification covers, None when it has none."""
    names = _SIGNED_FIELDS.get(fields.get("event", ""), _FROM_CLIENTS)
    return "".join(fields.get(name, "") for name in names.split()) if names else None


def _top_level(pair: str) -> bytes:
    # `number[0]` and `number[1]` belong to `number`, and keep their order.
    return unquote_plus(pair.partition("=")[0]).partition("[")[0].encode("utf-8", "replace")


def _signature(text: str, secret: str) -> str:
    digest = hmac.digest(secret.encode(), text.encode("utf-8", "replace"), hashlib.sha1)
    return base64.b64encode(digest.hex().encode()).decode()
