"""The played API where our own client never goes."""

import http.client
import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine

from crm_app.simulator import Simulator
from crm_app.simulator.sounds import sound
from crm_app.telephony.zadarma.signing import authorization, params_string
from tests.simulator.conftest import KEY, SECRET, Office

Answer = tuple[int, dict[str, str], bytes]


def ask(
    pbx: Simulator, method: str, path: str, params: dict[str, str] | None = None, **more: Any
) -> Answer:
    text = params_string(params or {})
    headers = {"Authorization": authorization(KEY, SECRET, path, params or {}), **more}
    target, body = (f"{path}?{text}", None) if method == "GET" else (path, text)
    return raw(pbx, method, target, body, headers)


def raw(
    pbx: Simulator, method: str, target: str, body: str | None, headers: dict[str, str]
) -> Answer:
    parts = urlsplit(pbx.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        connection.request(method, target, body, headers)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


@time_machine.travel("2026-03-02 09:00:10+00:00", tick=False)
def test_it_tells_its_limits(pbx: Simulator) -> None:
    status, headers, _ = ask(pbx, "GET", "/v1/tariff/", {"format": "json"})
    assert status == 200
    assert headers["X-RateLimit-Limit"] == "100"
    assert headers["X-RateLimit-Remaining"] == "99"
    assert headers["X-RateLimit-Reset"] == "1772442070"
    assert headers["X-Zadarma-Method"] == "/v1/tariff/"


def test_it_serves_this_machine_only(pbx: Simulator) -> None:
    assert urlsplit(pbx.url).hostname == "127.0.0.1"


@pytest.mark.parametrize(
    ("method", "path", "params", "status", "message"),
    [
        ("GET", "/v1/nonsense/", {}, 404, "Wrong method name"),
        ("POST", "/v1/pbx/internal/101/info/", {}, 404, "Wrong method name"),
        ("GET", "/v1/pbx/internal/999/info/", {}, 400, "Wrong parameters!"),
        ("GET", "/v1/info/price/", {"number": "x"}, 400, "Check phone's number"),
        ("GET", "/v1/statistics/pbx/", {"start": "x", "end": "x"}, 400, "Wrong parameters!"),
        ("GET", "/v1/pbx/record/request/", {"lifetime": "1"}, 400, "Wrong parameters!"),
        ("GET", "/v1/request/callback/", {"from": "101"}, 400, "Wrong parameters!"),
        ("POST", "/v1/pbx/callinfo/url/", {"url": "file:///x"}, 400, "Wrong parameters!"),
        ("POST", "/v1/pbx/callinfo/url/", {"url": "http://a:b/"}, 400, "Wrong parameters!"),
        ("POST", "/v1/pbx/callinfo/notifications/", {"notify_end": "1"}, 400, "Wrong parameters!"),
    ],
)
def test_it_refuses_in_the_words_of_the_real_one(
    pbx: Simulator, method: str, path: str, params: dict[str, str], status: int, message: str
) -> None:
    got, _, body = ask(pbx, method, path, params)
    answer = json.loads(body)
    assert (got, answer["status"]) == (status, "error")
    assert message in answer["message"]


@pytest.mark.parametrize("given", [None, "", "é", f"{KEY}:wrong"])
def test_it_wants_a_signature(pbx: Simulator, given: str | None) -> None:
    headers = {} if given is None else {"Authorization": given.encode().decode("latin-1")}
    status, _, body = raw(pbx, "GET", "/v1/info/balance/?format=json", None, headers)
    assert (status, json.loads(body)["message"]) == (401, "Not authorized")
    assert pbx.api_calls[-1].status == 401


def test_an_address_must_echo(pbx: Simulator, office: Office) -> None:
    office.echo = "\ufeff1"
    status, _, body = ask(pbx, "POST", "/v1/pbx/callinfo/url/", {"url": office.url + "?a=1"})
    assert status == 400
    assert json.loads(body)["message"] == "Wrong parameters!"
    assert pbx.account.webhook_url == office.url


def test_addresses_and_switches_are_kept(pbx: Simulator, office: Office) -> None:
    ask(pbx, "POST", "/v1/pbx/webhooks/url/", {"url": office.url})
    ask(pbx, "POST", "/v1/pbx/webhooks/hooks/", {"sms": "false"})
    found = json.loads(ask(pbx, "GET", "/v1/pbx/webhooks/")[2])
    assert (found["url"], found["hooks"]["sms"]) == (office.url, "false")
    assert found["hooks"]["call_tracking"] == "true"
    ask(pbx, "DELETE", "/v1/pbx/webhooks/url/", {"format": "json"})
    ask(pbx, "DELETE", "/v1/pbx/callinfo/url/", {"format": "json"})
    assert (pbx.account.events_url, pbx.account.webhook_url) == ("", "")


def test_statistics_can_be_one_way(pbx: Simulator) -> None:
    pbx.play("in-answered-no-recording", t0="2026-03-02 09:00:00")
    pbx.play("out-answered", t0="2026-03-02 09:00:00")
    window = {"start": "2026-03-02 00:00:00", "end": "2026-05-02 00:00:00"}
    _, _, body = ask(pbx, "GET", "/v1/statistics/pbx/", window | {"call_type": "out"})
    answer = json.loads(body, parse_float=str)
    assert answer["end"] == "2026-04-01 00:00:00"
    assert [row["pbx_call_id"][:4] for row in answer["stats"]] == ["out_"]
    assert f'"call_id": {answer["stats"][0]["call_id"]}'.encode() in body


@pytest.mark.parametrize(
    ("wanted", "status", "expected", "content_range"),
    [
        ("", 200, slice(None), None),
        ("bytes=0-3", 206, slice(0, 4), "bytes 0-3/{size}"),
        ("bytes=100-", 206, slice(100, None), "bytes 100-{last}/{size}"),
        ("bytes=-10", 206, slice(-10, None), "bytes {tail}-{last}/{size}"),
        ("bytes=-", 200, slice(None), None),
        ("bytes=a-b", 200, slice(None), None),
        ("bytes=99999999-", 416, slice(0, 0), "bytes */{size}"),
    ],
)
def test_recordings_come_in_parts(
    pbx: Simulator, wanted: str, status: int, expected: slice, content_range: str | None
) -> None:
    pbx.play("in-answered-5", in_id="in_1")
    _, _, body = ask(pbx, "GET", "/v1/pbx/record/request/", {"pbx_call_id": "in_1"})
    link = urlsplit(json.loads(body)["links"][0])
    got, headers, content = raw(pbx, "GET", link.path, None, {"Range": wanted} if wanted else {})
    size = len(sound())
    assert (got, content) == (status, sound()[expected])
    assert headers["Content-Type"] == "audio/mpeg"
    places = {"size": size, "last": size - 1, "tail": size - 10}
    given = headers.get("Content-Range")
    assert given == (content_range.format(**places) if content_range else None)


def test_a_made_up_link_gives_nothing(pbx: Simulator) -> None:
    assert raw(pbx, "GET", "/v1/pbx/record/download/guess/x.mp3", None, {})[0] == 404


@pytest.mark.parametrize("length", ["2000000", "-5", "many"])
def test_it_hangs_up_on_a_body_of_nonsense_length(pbx: Simulator, length: str) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(pbx.url).port or 0), timeout=30) as peer:
        peer.sendall(f"POST /v1/x/ HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode())
        assert peer.recv(100) == b""


def test_a_peer_that_goes_away_is_no_error(pbx: Simulator) -> None:
    pbx.inject("slow", seconds=0.05)
    with socket.create_connection(("127.0.0.1", urlsplit(pbx.url).port or 0), timeout=30) as peer:
        peer.sendall(b"GET /v1/x/ HTTP/1.1\r\n\r\n")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    pbx.stop()
    assert pbx.errors == []


def test_its_own_errors_are_kept(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    with Simulator(KEY, SECRET, office.url) as pbx:
        monkeypatch.setattr(pbx.api, "answer", lambda request: 1 / 0)
        with pytest.raises(http.client.RemoteDisconnected):
            ask(pbx, "GET", "/v1/tariff/")
    assert [type(error) for error in pbx.errors] == [ZeroDivisionError]
