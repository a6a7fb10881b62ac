"""A notification that breaks off on its way, over real sockets to the server that we run."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import func, select

from crm_app.calls.models import Call, CallFact
from crm_app.extensions import db
from crm_app.telephony.models import UnreadableRequest
from crm_app.telephony.zadarma.signing import sign_webhook
from tests.telephony.conftest import SECRET, start_fields, wait_until_drained

pytestmark = pytest.mark.processes
Talk = Callable[[bytes], bytes]


@pytest.fixture
def talk(web_socket: Path) -> Talk:
    """Say something to gunicorn as we run it, and hang up; gives the first line of its answer."""

    def say(said: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(os.fspath(web_socket))
            connection.sendall(said)
            connection.shutdown(socket.SHUT_WR)
            return connection.recv(4096).partition(b"\r\n")[0]

    return say


def request_of(fields: dict[str, str], *, length: int | None = None, cut: str = "") -> bytes:
    """Write the request of a notification, its body cut before a text."""
    body = urlencode(fields).encode()
    body = body.partition(cut.encode())[0] if cut else body
    told = f"Content-Length: {len(body) if length is None else length}"
    return _head(fields, told) + body


def _head(fields: dict[str, str], told: str) -> bytes:
    return (
        "POST /zadarma HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Signature: {sign_webhook(fields, SECRET)}\r\n{told}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    ).encode()


def test_a_notification_that_broke_off_is_refused_and_the_whole_one_is_taken(
    connected: Flask, talk: Talk
) -> None:
    fields = start_fields(
        event="NOTIFY_END", internal="101", duration="35", disposition="answered"
    )  # fmt: skip
    whole = request_of(fields)
    size = len(urlencode(fields))
    assert b" 400 " in talk(request_of(fields, length=size, cut="&duration"))
    assert b" 400 " in talk(request_of(fields, length=size, cut="event="))
    chunked = _head(fields, "Transfer-Encoding: chunked")
    assert b" 200 " not in talk(chunked + b"%x\r\n" % size + urlencode(fields).encode()[:40])
    assert stored() == (0, 0)
    assert b" 200 " in talk(whole)
    # The first of a new process is not always stored within the 0.15 seconds that it has.
    wait_until_drained(connected)
    assert stored() == (1, 0)
    call = db.session.scalars(select(Call)).one()
    assert (call.status, call.talk_seconds) == ("answered", 35)


def stored() -> tuple[int, int]:
    """Count the facts and what was kept because nobody understood it."""
    db.session.rollback()
    facts = db.session.scalar(select(func.count(CallFact.id))) or 0
    kept = db.session.scalar(select(func.count(UnreadableRequest.id))) or 0
    db.session.rollback()
    return facts, kept
