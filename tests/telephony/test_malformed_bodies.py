"""Twenty thousand bodies that nobody should send: nothing falls over, nothing real is lost."""

import io
import logging
import random
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import func, select

from crm_app.calls.models import CallFact
from crm_app.extensions import db
from crm_app.telephony.models import UnreadableRequest
from crm_app.telephony.zadarma.signing import sign_webhook
from tests.telephony.conftest import SECRET, start_fields

BODIES = {"sqlite": 20_000, "postgresql": 4_000}
GENUINE_EVERY = 500
TYPES = (
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=b",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "application/json",
    "text/plain; charset=utf-16",
    "",
    "nonsense/;;;=",
)


def malformed(chance: random.Random, genuine: bytes) -> bytes:
    """Make a body that is nearly right, or not right at all."""
    kind = chance.randrange(9)
    if kind == 0:
        return chance.randbytes(chance.randrange(200))
    if kind == 1:
        return genuine[: chance.randrange(len(genuine))]
    if kind == 2:
        spoilt = bytearray(genuine)
        for _ in range(chance.randrange(1, 8)):
            spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
        return bytes(spoilt)
    if kind == 3:
        return b'--b\r\nContent-Disposition: form-data; name="event"\r\n\r\n' + chance.randbytes(30)
    if kind == 4:
        return b"{" * chance.randrange(1, 3000)
    if kind == 5:
        return genuine * chance.randrange(2, 20)
    if kind == 6:
        return b"&".join(b"event[%d]=%%00%%ff" % turn for turn in range(chance.randrange(400)))
    if kind == 7:
        return genuine.replace(b"NOTIFY_START", b"NOTIFY_" + chance.randbytes(5))
    return genuine.replace(b"pbx_call_id=in_", b"pbx_call_id=" + b"\x00%00" * chance.randrange(80))


@pytest.fixture
def _quiet() -> Iterator[None]:
    """Say nothing of what is refused and kept: it would be a line for each."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("_quiet")
def test_malformed_bodies_break_nothing_and_lose_nothing(
    connected: Flask, engine_name: str
) -> None:
    chance = random.Random(20_000)
    answers: Counter[str] = Counter()
    sent = 0
    for turn in range(BODIES[engine_name]):
        if turn % GENUINE_EVERY == 0:
            sent += 1
            fields = start_fields(pbx_call_id=f"in_{turn:040}")
            genuine = urlencode(fields).encode()
            status = send(connected, genuine, sign_webhook(fields, SECRET), TYPES[0])
            assert status == "200 OK"
        signature = chance.choice(["", "x", "\xff" * 56, SECRET])
        body = malformed(chance, genuine)
        answers[send(connected, body, signature, chance.choice(TYPES))[:3]] += 1
    assert set(answers) <= {"200", "403", "413"}
    assert answers["200"] > 0
    assert answers["403"] > 0
    assert db.session.scalar(select(func.count(CallFact.id))) == sent
    assert db.session.scalar(select(func.count(UnreadableRequest.id))) == 1_000


def send(app: Flask, body: bytes, signature: str, content_type: str) -> str:
    """Post a body straight into the application, which is what makes so many of them bearable."""
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/zadarma",
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": content_type,
        "HTTP_SIGNATURE": signature,
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
    }
    statuses: list[str] = []
    answer = app(environ, lambda status, _headers, _info=None: statuses.append(status))  # type: ignore[arg-type,return-value]
    b"".join(answer)
    return statuses[0]
