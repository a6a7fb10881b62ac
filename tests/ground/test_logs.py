"""A log line never tells a secret or a client's number."""

import io
import logging

import pytest
import sqlalchemy as sa
import structlog
from flask import Flask
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from crm_app import logs
from crm_app.errors import InvalidInputError
from crm_app.extensions import db


@pytest.fixture
def written() -> io.StringIO:
    root = logging.getLogger()
    before, level = root.handlers, root.level
    logs.configure("INFO", as_json=True)
    stream = io.StringIO()
    assert isinstance(root.handlers[0], logging.StreamHandler)
    root.handlers[0].setStream(stream)
    yield stream
    root.handlers, root.level = before, level


def test_it_masks_secrets_by_their_name(written: io.StringIO) -> None:
    structlog.get_logger("t").info("connected", api_secret="0f1e2d3c4b", password="hunter2")
    structlog.get_logger("t").info("deep", answer={"list": [{"token": "hunter2", "free": 1}]})
    assert "0f1e2d3c4b" not in written.getvalue()
    assert "hunter2" not in written.getvalue()
    assert "connected" in written.getvalue()
    assert "free" in written.getvalue()


@pytest.mark.parametrize(
    "number",
    [
        "+351912345678", "351912345678", "912 345 678", "00351 912-345-678", "(351) 912345678",
        "+351 (912) 345-678", "+351.912.345.678", "351912345678.", "351912345678:",
        "caller_id:351912345678", "sip:351912345678@pbx", "+351912345678.wav",
        "rec_351912345678_1", "caller_id=%2B351912345678&", '{"caller_id":351912345678,',
        "called351912345678", "2026-11-22 351912345678", "127.0.0.1 912345678",
        "1790000000 351912345678", "351912345678351912345678",
    ],
)  # fmt: skip
def test_it_masks_phone_numbers_wherever_they_stand(number: str, written: io.StringIO) -> None:
    structlog.get_logger("t").warning("odd_number", text=f"called {number} twice")
    structlog.get_logger("t").warning(f"called {number} twice")
    logging.getLogger("library").warning("refused", extra={"to": number, "all": [{"to": number}]})
    logging.getLogger("library").warning("refused %s", number)
    digits = "".join(filter(str.isdigit, written.getvalue()))
    assert "912345678" not in digits
    assert "345678" not in digits
    assert written.getvalue().count("78") >= 5


def test_it_masks_numbers_that_are_no_texts(written: io.StringIO) -> None:
    told = {
        351912345678: (351912345678, {351912345678}),
        "name": InvalidInputError("+351912345678"),
    }
    structlog.get_logger("t").info("told", number=351912345678, body=told, raw=b"351912345678")
    structlog.get_logger("t").info({"number": 351912345678})
    assert "912345678" not in written.getvalue()
    assert written.getvalue().count("\\u202678") == 7


@pytest.mark.parametrize(
    ("told", "hidden"),
    [
        ("Exception on /reset/Zk3-_xyz [POST]", "Zk3-_xyz"),
        ("Error handling request GET /invitation/Zk3-_xyz?a=b", "Zk3-_xyz"),
        ("http://127.0.0.1:8000/setup/Zk3-_xyz", "Zk3-_xyz"),
        ("POST /zadarma/Zk3-_xyz", "Zk3-_xyz"),
        ("cannot use postgresql://ana:hunter2@db/ramal", "hunter2"),
        ("cannot use redis://:hunter2@bus:6379/0", "hunter2"),
        ("asked with token=hunter2&page=1", "hunter2"),
        ("{'password': 'tres tigres', 'page': 1}", "tigres"),
        ('{"api_key":"tres tigres"}', "tigres"),
        ("Authorization: Bearer hunter2", "hunter2"),
        ("Failing row contains (1, $argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA, x)", "aGFzaA"),
    ],
)
def test_it_masks_secrets_inside_a_text(told: str, hidden: str, written: io.StringIO) -> None:
    logging.getLogger("library").error(told)
    structlog.get_logger("t").error("failed", reasons=[told])
    assert hidden not in written.getvalue()
    assert written.getvalue().count("***") == 2


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T20:37:40", "2026-11-22 20:37:40,123", "[2026-11-22 20:37:40 +0000] [12345]",
        "127.0.0.1:8000", "185.45.152.40/30", "2001:db8:85a3:0:0:8a2e:370:7334", "call 42",
        "v0.1.0", "8dbfa8fc9f6240a2", "f47ac10b-58cc-4372-8567-0e02b2c3d479",
        "in_9f2bef3f034dbf12345678901234567890abcdef", "<X at 0x7f3a12345678>", "0.1234567 s",
        "1790000000", "1790000000.123456", "before-upgrade-8dbfa8fc9f62-20261122T203740Z.db",
        'File "/srv/crm_app/telephony/zadarma/client.py", line 42', "password: must be longer",
    ],
)  # fmt: skip
def test_it_leaves_times_addresses_and_ids_readable(text: str) -> None:
    assert logs.mask_text(text) == text


def test_it_logs_a_failure_with_its_trace(written: io.StringIO) -> None:
    try:
        raise ValueError("no route to +351912345678 by /reset/Zk3-_xyz")
    except ValueError as error:
        structlog.get_logger("t").error("failed", exc_info=error)
        logging.getLogger("library").exception("failed")
    assert written.getvalue().count("ValueError") >= 2
    assert "912345678" not in written.getvalue()
    assert "Zk3-_xyz" not in written.getvalue()


def test_it_tells_nothing_of_what_a_failed_statement_was_given(
    app: Flask, written: io.StringIO
) -> None:
    given = {"email": "ana@example.com", "word": "tres tigres tristes"}
    try:
        db.session.execute(sa.text("SELECT :email, :word FROM nowhere"), given)
    except DBAPIError as error:
        structlog.get_logger("t").error("failed", exc_info=error)
    assert "nowhere" in written.getvalue()
    assert "ana@example.com" not in written.getvalue()
    assert "tigres" not in written.getvalue()


@pytest.mark.parametrize("piece", ["token", "1", "1 ", "1.1", "://", "a1", 'token="\\"'])
def test_it_takes_no_long_time_over_any_text(piece: str) -> None:
    # Whatever grows with the square of the length would take hours here.
    assert logs.mask_text(piece * (1_000_000 // len(piece)))


def test_it_lets_a_logger_be_listened_to_whenever_it_was_first_used(written: io.StringIO) -> None:
    log = structlog.get_logger("used before")
    log.info("first")
    logs.configure("INFO", as_json=True)
    with capture_logs() as lines:
        log.info("second")
    assert [line["event"] for line in lines] == ["second"]
