"""A body that does not come costs its sender only: no call waits for it, at whatever address."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from flask import Flask, url_for
from sqlalchemy import func, select, text
from werkzeug.routing import AnyConverter, Rule

from crm_app.accounts.models import User
from crm_app.calls.models import CallFact
from crm_app.config import Config
from crm_app.extensions import db
from crm_app.telephony.zadarma.signing import sign_webhook
from tests.patience import wait_until
from tests.serving.wire import FORM, Line, Server, form_head, head_of, serving, status_of
from tests.signed_in import cookie_of
from tests.telephony.conftest import SECRET, start_fields, wait_until_drained
from tests.telephony.test_broken_off import request_of

pytestmark = pytest.mark.processes
STALLED_LENGTH = 5_000


@pytest.fixture(scope="module")
def patient(whole_app: Flask, settings: Config) -> Iterator[Server]:
    """The server as an office runs it: it waits much longer for a body than these tests do."""
    with serving(settings) as server:
        yield server


def changing_routes(app: Flask) -> list[tuple[str, str]]:
    """Every address that takes a change, with its method, and two that are nowhere."""
    found = [("POST", "/nowhere"), ("PATCH", "/calls")]
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) & {"POST", "PUT", "PATCH", "DELETE"}):
            found.append((method, _address(app, rule)))
    return found


def _address(app: Flask, rule: Rule) -> str:
    with app.test_request_context():
        values = {name: _value(rule, name) for name in rule.arguments}
        return url_for(rule.endpoint, **values)


def _value(rule: Rule, name: str) -> object:
    """Something that stands in the place of an argument of an address."""
    converter = rule._converters[name]
    return min(converter.items) if isinstance(converter, AnyConverter) else 1


def stall(server: Server, held: ExitStack, method: str, path: str, cookie: str) -> Line:
    """Begin to send a form and say nothing more."""
    line = held.enter_context(server.connect())
    length = f"Content-Length: {STALLED_LENGTH}"
    line.say(head_of(method, path, FORM, length, cookie=cookie) + b"text=")
    return line


def ring(server: Server, call: str) -> int:
    """Let the PBX announce a call; gives the status of the answer."""
    return status_of(server.ask(request_of(start_fields(pbx_call_id=f"in_{call}"))))


def wait_until_nobody_holds_a_transaction(settings: Config) -> None:
    """Wait for those at work; one that a stalled form held would stay for twenty seconds."""
    wait_until(lambda: not open_transactions(settings), "a transaction stays open", seconds=10)


def open_transactions(settings: Config) -> int:
    """Count the transactions that anybody holds open; on SQLite those that write."""
    db.session.rollback()
    if settings.is_sqlite:
        with sqlite3.connect(settings.sqlalchemy_url.partition("///")[2], timeout=0) as own:
            try:
                own.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return 1
            own.rollback()
        own.close()
        return 0
    asked = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND state LIKE 'idle in transaction%' AND pid <> pg_backend_pid()"
    )
    found = db.session.scalar(asked)
    db.session.rollback()
    return found or 0


def test_a_call_is_stored_while_a_form_stalls_at_every_address(
    connected: Flask, patient: Server, settings: Config, bob: User
) -> None:
    cookie = cookie_of(connected, bob)
    routes = changing_routes(connected)
    assert len(routes) > 50
    with ExitStack() as held:
        for number, (method, path) in enumerate(routes):
            line = stall(patient, held, method, path, cookie)
            assert ring(patient, f"{number:040}") == 200, f"{method} {path}"
            assert line.is_waiting(), f"{method} {path} was answered before its body was there"
        wait_until_drained(connected)
        wait_until_nobody_holds_a_transaction(settings)
    assert db.session.scalar(select(func.count(CallFact.id))) == len(routes)


@pytest.mark.parametrize("who", ["somebody signed in", "a stranger"])
def test_a_hundred_stalled_forms_hold_no_connection_to_the_database(
    connected: Flask, patient: Server, settings: Config, bob: User, who: str
) -> None:
    cookie = cookie_of(connected, bob) if who == "somebody signed in" else ""
    with ExitStack() as held:
        lines = [stall(patient, held, "POST", "/contacts/1/notes", cookie) for _ in range(100)]
        assert ring(patient, "beside_a_hundred") == 200
        page = patient.ask(head_of("GET", "/account", "Connection: close", cookie=cookie))
        assert status_of(page) == (200 if cookie else 303)
        assert all(line.is_waiting() for line in lines)
        wait_until_drained(connected)
        wait_until_nobody_holds_a_transaction(settings)


def test_a_stalled_form_is_taken_when_the_rest_of_it_arrives(
    connected: Flask, patient: Server, bob: User
) -> None:
    cookie = cookie_of(connected, bob)
    body = b"text=late"
    with patient.connect() as line:
        line.say(form_head("/nowhere", len(body), cookie=cookie) + body[:4])
        assert ring(patient, "meanwhile") == 200
        assert line.is_waiting()
        line.say(body[4:])
        assert status_of(line.hear()) == 404


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("told", ["Content-Length: 5000", "Transfer-Encoding: chunked"])
def test_a_page_that_is_asked_for_with_a_body_does_not_wait_for_it(
    patient: Server, method: str, told: str
) -> None:
    with patient.connect() as line:
        line.say(head_of(method, "/login", told))
        answer = line.rest()
    assert status_of(answer) == 200
    assert b"\r\nConnection: close\r\n" in answer


@pytest.fixture(scope="module")
def impatient(whole_app: Flask, settings: Config) -> Iterator[Server]:
    """The same server with less than a second of patience."""
    with serving(settings, "tests.serving.impatient:make_app()", "--keep-alive", "1") as server:
        yield server


def test_a_notification_that_stalls_is_given_up_and_stores_nothing(
    connected: Flask, impatient: Server
) -> None:
    fields = start_fields()
    whole = request_of(fields)
    with impatient.connect() as line:
        line.say(whole[:-10])
        answer = line.rest()
    assert status_of(answer) == 408
    with impatient.connect() as line:
        head, _, body = whole.partition(b"\r\n\r\n")
        line.say(head + b"\r\n\r\n")
        assert status_of(line.drip(body, 0.05)) == 408
    assert db.session.scalar(select(func.count(CallFact.id))) == 0
    db.session.rollback()
    assert sign_webhook(fields, SECRET) in whole.decode()
    assert status_of(impatient.ask(whole)) == 200
