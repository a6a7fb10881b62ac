"""Posts notifications as Zadarma does, and tells what came back."""

import hashlib
import hmac
import http.client
import json
import secrets
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from crm_app.simulator import signatures
from crm_app.simulator.scenarios import Channel, Fault, Post

_LOOPBACK = ("127.0.0.1", "localhost")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notification and its answer; `status` is 0 if none came, None if it was not sent."""

    event: str
    fields: Mapping[str, str]
    status: int | None
    body: str
    seconds: float

    @property
    def reply(self) -> Mapping[str, object]:
        """The answer as a JSON object, empty if it is none."""
        try:
            answer = json.loads(self.body)
        except ValueError:
            return {}
        return answer if isinstance(answer, dict) and self.status == 200 else {}


def not_sent(post: Post) -> Delivery:
    """Note a notification that was lost on its way, or is switched off."""
    return Delivery(post.fields.get("event", ""), post.fields, None, "", 0.0)


def deliver(post: Post, url: str, secret: str, timeout: float = 10.0) -> Delivery:
    """Sign and post a notification; whatever goes wrong is in the delivery."""
    body, headers = _body(post.fields, post.channel)
    signature = _signature(post.fields, secret, post.fault)
    if signature:
        headers["Signature"] = signature
    began = time.monotonic()
    try:
        status, answer = fetch("POST", url, body, headers, timeout)
    except (OSError, http.client.HTTPException) as error:
        status, answer = 0, type(error).__name__
    spent = time.monotonic() - began
    return Delivery(post.fields.get("event", ""), post.fields, status, answer, spent)


def fetch(
    method: str, url: str, body: bytes | None, headers: Mapping[str, str], timeout: float
) -> tuple[int, str]:
    """Make one HTTP request; raises OSError or HTTPException if no answer comes."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    # The receiver checks the sender's address, so on this machine it is always the same.
    source = ("127.0.0.1", 0) if parts.hostname in _LOOPBACK else None
    connection = kind(parts.hostname or "", parts.port, timeout=timeout, source_address=source)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method, target, body, dict(headers))
        response = connection.getresponse()
        return response.status, response.read(1_000_000).decode("utf-8", "replace")
    finally:
        connection.close()


def _body(fields: Mapping[str, str], channel: Channel) -> tuple[bytes, dict[str, str]]:
    if channel == "pbx":
        form = "application/x-www-form-urlencoded"
        return urlencode(dict(fields)).encode(), _headers("Zadarma API v1", form)
    boundary = f"------------------------{secrets.token_hex(8)}"
    parts = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    body = ("".join(parts) + f"--{boundary}--\r\n").encode()
    headers = _headers("Zadarma API", f"multipart/form-data; boundary={boundary}")
    # The service asks for leave first; like every client it may send without waiting for it.
    return body, headers | {"Expect": "100-continue"}


def _headers(agent: str, content_type: str) -> dict[str, str]:
    return {"Content-Type": content_type, "User-Agent": agent}


def _signature(fields: Mapping[str, str], secret: str, fault: Fault) -> str:
    if fault == "absent":
        return ""
    if fault == "wrong":
        return signatures.of_notification(fields, f"not {secret}")
    if fault == "raw-digest":
        text = signatures.signed_text(fields) or ""
        return b64encode(hmac.digest(secret.encode(), text.encode(), hashlib.sha1)).decode()
    return signatures.of_notification(fields, secret)
