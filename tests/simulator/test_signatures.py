"""The simulator checks our client by the protocol, and not by our client's own code."""

import ast
import http.client
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine

from crm_app import simulator
from crm_app.simulator import Simulator, signatures
from crm_app.telephony.zadarma.signing import authorization
from tests.simulator.conftest import KEY, SECRET

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "fixtures" / "zadarma" / "vectors.json").read_text("utf-8")
)
BALANCE = "/v1/info/balance/"


def named(kind: str) -> list[Any]:
    return [pytest.param(vector, id=vector["id"]) for vector in VECTORS[kind]]


@pytest.mark.parametrize("vector", named("api_auth"))
def test_it_signs_a_request_as_it_is_written(vector: dict[str, Any]) -> None:
    secret, request = VECTORS["credentials"]["secret"], vector["request"]
    for address in filter(None, (request["url"], request.get("php_client_sends_url"))):
        parts = urlsplit(address)
        written = request["body"] or parts.query
        assert signatures.of_request(parts.path, written, secret) == vector["signature"]


@pytest.mark.parametrize("vector", named("webhooks"))
def test_it_signs_every_notification(vector: dict[str, Any]) -> None:
    secret = VECTORS["credentials"]["secret"]
    assert signatures.of_notification(vector["fields"], secret) == vector["signature"]


@pytest.mark.parametrize("event", [vector["event"] for vector in VECTORS["webhooks_without_rule"]])
def test_it_signs_nothing_that_has_no_rule(event: str) -> None:
    assert signatures.of_notification({"event": event, "result": "{}"}, "secret") == ""


def test_it_shares_no_line_with_what_it_checks() -> None:
    ours = {"crm_app.telephony.zadarma.signing", "crm_app.telephony.zadarma.client"}
    for path in Path(simulator.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.module not in ours, path.name


def ask(pbx: Simulator, target: str, params: dict[str, str]) -> int:
    """Ask with a signature over parameters, however they are then written."""
    path = target.partition("?")[0]
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(pbx.url).port, timeout=30)
    try:
        headers = {"Authorization": authorization(KEY, SECRET, path, params)}
        connection.request("GET", target, None, headers)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("written", "status"),
    [
        ("format=json&number=%2B351+910000042", 200),
        ("number=%2B351+910000042&format=json", 200),
        ("format=json&number=%2B351%20910000042", 401),
        ("format=json&number=%2b351+910000042", 401),
        ("format=json&number=+351+910000042", 401),
        ("number=%2B351+910000042", 401),
    ],
)
def test_it_refuses_what_is_written_otherwise_than_it_was_signed(
    pbx: Simulator, written: str, status: int
) -> None:
    params = {"number": "+351 910000042", "format": "json"}
    assert ask(pbx, f"{BALANCE}?{written}", params) == status


@time_machine.travel("2026-03-02 09:00:10+00:00", tick=False)
def test_all_requests_count_towards_the_hundred_a_minute(pbx: Simulator) -> None:
    statuses = [ask(pbx, "/v1/statistics/pbx/", {}) for _ in range(4)]
    assert statuses == [400, 400, 400, 429]
    refused = [ask(pbx, "/v1/tariff/?a=1", {}) for _ in range(6)]
    assert refused == [401] * 6
    asked = [ask(pbx, "/v1/tariff/", {}) for _ in range(92)]
    assert asked == [200] * 90 + [429] * 2
