"""Twenty thousand bodies that nobody should send: nothing falls over, nothing real is lost."""

import json
import os
import random
import re
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_plus, urlencode

import pytest
from flask import Flask
from sqlalchemy import Select, func, select

from crm_app import clock
from crm_app.calls.models import CallFact
from crm_app.demo import make_contact, make_user
from crm_app.extensions import db
from crm_app.telephony.models import UnreadableRequest
from crm_app.telephony.webhook import bodies
from crm_app.telephony.zadarma.signing import sign_webhook, verify_webhook
from tests.telephony.conftest import SECRET, start_fields, wait_until_drained

BODIES = 20_000
GENUINE_EVERY = 500
SIGNED_EVERY = 5
pytestmark = [pytest.mark.processes, pytest.mark.unhurried]
FORM = "application/x-www-form-urlencoded"
TYPES = (
    FORM,
    "multipart/form-data; boundary=b",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "application/json",
    "text/plain; charset=utf-16",
    "",
    "nonsense/;;;=",
)
EVENTS = (
    *("NOTIFY_START", "NOTIFY_INTERNAL", "NOTIFY_INTERNAL_END", "NOTIFY_ANSWER", "NOTIFY_END"),
    *("NOTIFY_IVR", "NOTIFY_OUT_START", "NOTIFY_OUT_END", "NOTIFY_RECORD", " NOTIFY_END\x01"),
)
FIELDS = (
    *("caller_id", "called_did", "destination", "internal", "last_internal", "transfer_from"),
    *("transfer_type", "duration", "disposition", "status_code", "is_recorded", "calltype"),
    *("call_id_with_rec", "dst_e164", "wait_dtmf", "wait_dtmf[digits]", "wait_dtmf[a][b]"),
    *("ivr_saydigits", "result", "event[]", "pbx_call_id[x]", ""),
)
ODD = (
    *("", "0", "101", "102", "499499-101", "anonymous", "+351910000042", " 351910000042"),
    *("00351910000042", "9" * 30, "9" * 300, "x" * 300, "-5", "1e5", "3.7", "NaN", "true", "null"),
    *(
        "é",
        "\udcff",
        "\ud800",
        "\x00",
        "a\x00b",
        "٣٤٥",
        "😀" * 100,
        "\u2028",
        "\n",
        "  ",
        "%00",
        "++",
    ),
    *("{}", "[", '{"digits":{"a":[1,2]}}', '{"name":7}', "[" * 500, "10" * 9, "answered", "cancel"),
)
STARTS = (
    *("", "x", "1", "é" * 80, "0001-01-01 00:00:00", "9999-12-31 23:59:59", "2026-02-30 00:00:00"),
    *("2026-03-02T09:15:07+14:00", "\x00", "0000-00-00 00:00:00"),
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


def signed_nonsense(chance: random.Random, mark: str) -> tuple[bytes, str, str, bool]:
    """Make an event that only the PBX can have sent, though it makes no sense, and sign it.

    Gives the body, its type, its signature, and whether that covers what it has to.
    """
    now = f"{clock.now():%Y-%m-%d %H:%M:%S}"
    told = [
        ("event", chance.choice(EVENTS)),
        ("call_start", now if chance.random() < 0.7 else chance.choice(STARTS)),
        ("pbx_call_id", chance.choice(("in_", "out_", "", "é" * 50, "\udcff_", "\x00")) + mark),
        *((name, chance.choice(ODD)) for name in FIELDS if chance.random() < 0.5),
        ("mark", mark),
    ]
    if chance.random() < 0.1:
        told.append((chance.choice(FIELDS), chance.choice(ODD)))
    if chance.random() < 0.05:
        told += [(f"more{number}", "x" * chance.randrange(500)) for number in range(150)]
    if chance.random() < 0.05:
        told.append(("pbx_call_id", chance.choice(["", "y" * 65])))
    body, content_type = written(chance, told)
    try:
        fields = bodies.fields_of(body, content_type)
    except bodies.UnreadableBodyError:
        return body, content_type, "", False
    signature = sign_webhook(fields, SECRET)
    return body, content_type, signature, verify_webhook(fields, signature, SECRET)


def written(chance: random.Random, told: list[tuple[str, str]]) -> tuple[bytes, str]:
    """Write fields in one of the ways in which they may come."""
    way = chance.randrange(10)
    if way == 0:
        loose = {name: chance.choice([value, value, 7, None, [value]]) for name, value in told}
        # A call that is named by one and the same number would be told of twice.
        known = {name: dict(told)[name] for name in ("event", "pbx_call_id", "mark")}
        return json.dumps(loose | known).encode(), "application/json"
    if way < 3:
        parts = [
            b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
            % (in_bytes(name), in_bytes(value))
            for name, value in told
        ]
        return b"".join(parts) + b"--b--\r\n", "multipart/form-data; boundary=b"
    pairs = (f"{quote_plus(in_bytes(n))}={quote_plus(in_bytes(v))}" for n, v in told)
    return "&".join(pairs).encode(), FORM


def in_bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


class Line:
    """A connection to a running server that stays open, as the PBX's does."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(20)
        self._socket.connect(os.fspath(path))
        self._answers = self._socket.makefile("rb")

    def post(self, body: bytes, signature: str, content_type: str) -> str:
        """Post a body; give the status with its word."""
        head = (
            f"POST /zadarma HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
            f"Content-Type: {content_type}\r\nSignature: {signature}\r\n\r\n"
        )
        self._socket.sendall(head.encode("latin-1") + body)
        status = self._answers.readline().decode().partition(" ")[2].strip()
        length = 0
        while line := self._answers.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        self._answers.read(length)
        return status

    def close(self) -> None:
        """Hang up."""
        self._answers.close()
        self._socket.close()


@pytest.fixture
def line(web_socket: Path) -> Iterator[Line]:
    """A connection to the server as we run it."""
    line = Line(web_socket)
    yield line
    line.close()


def test_malformed_bodies_break_nothing_and_lose_nothing(connected: Flask, line: Line) -> None:
    for extension in ("101", "102"):
        make_user(f"Agent {extension}", extension=extension)
    make_contact("Ana Sousa", phones=("+351910000042",))
    db.session.commit()
    chance = random.Random(20_000)
    answers: Counter[str] = Counter()
    must_be_there: set[str] = set()
    for turn in range(BODIES):
        if turn % GENUINE_EVERY == 0:
            fields = start_fields(pbx_call_id=f"in_{turn:040}", mark=f"m{turn}.")
            genuine = urlencode(fields).encode()
            assert line.post(genuine, sign_webhook(fields, SECRET), FORM) == "200 OK"
            must_be_there.add(f"m{turn}.")
        elif turn % SIGNED_EVERY == 0:
            body, content_type, signature, is_signed = signed_nonsense(chance, f"m{turn}.")
            status = line.post(body, signature, content_type)[:3]
            answers[f"signed {status}" if is_signed else status] += 1
            if is_signed:
                must_be_there.add(f"m{turn}.")
        else:
            signature = chance.choice(["", "x", "\xff" * 56, SECRET])
            body = malformed(chance, genuine)
            answers[line.post(body, signature, chance.choice(TYPES))[:3]] += 1
    wait_until_drained(connected)
    assert set(answers) == {"200", "403", "signed 200"}
    assert answers["signed 200"] > BODIES / 8
    facts = found_in(select(CallFact.raw).where(CallFact.raw != ""))
    kept = found_in(select(UnreadableRequest.body).where(UnreadableRequest.is_genuine))
    assert facts | kept == must_be_there
    assert len(facts) > 5 * len(kept) > 0
    # What can be read can be stored, whatever it says.
    reasons = select(UnreadableRequest.reason).where(UnreadableRequest.is_genuine).distinct()
    assert {reason.partition(" ")[2] for reason in db.session.scalars(reasons)} <= {
        "has no usable call id.",
        "notification has no event name.",
    }
    nonsense = select(func.count(UnreadableRequest.id)).where(~UnreadableRequest.is_genuine)
    assert 500 < (db.session.scalar(nonsense) or 0) <= 1_000


def found_in(statement: Select[str] | Select[bytes]) -> set[str]:
    """Collect the marks of what is on disk."""
    marks = set()
    for text in db.session.scalars(statement):
        told = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        marks |= set(re.findall(r"mark\W.*?(m\d+\.)", told, re.DOTALL)[:1])
    return marks
