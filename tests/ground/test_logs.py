"""A log line never tells a secret or a client's number."""

import io
import logging

import pytest
import structlog

from crm_app import logs


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
    assert "0f1e2d3c4b" not in written.getvalue()
    assert "hunter2" not in written.getvalue()
    assert "connected" in written.getvalue()


@pytest.mark.parametrize(
    "number",
    ["+351912345678", "351912345678", "912 345 678", "00351 912-345-678", "(351) 912345678"],
)
def test_it_masks_phone_numbers_wherever_they_stand(number: str, written: io.StringIO) -> None:
    structlog.get_logger("t").warning("odd_number", text=f"called {number} twice")
    logging.getLogger("library").warning("refused", extra={"to": number})
    assert number not in written.getvalue()
    assert "78" in written.getvalue()


def test_it_leaves_times_addresses_and_ids_readable() -> None:
    for text in ("2026-11-22T20:37:40", "127.0.0.1:8000", "call 42", "v0.1.0", "8dbfa8fc9f6240a2"):
        assert logs.mask_numbers(text) == text


def test_it_logs_a_failure_with_its_trace(written: io.StringIO) -> None:
    try:
        raise ValueError("no route to +351912345678")
    except ValueError as error:
        structlog.get_logger("t").error("failed", exc_info=error)
    assert "ValueError" in written.getvalue()
    assert "912345678" not in written.getvalue()
