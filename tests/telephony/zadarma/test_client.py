"""The API client, against a server that checks its signatures."""

import io
import logging
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import requests
import responses
import time_machine

from crm_app.simulator import Simulator
from crm_app.telephony.zadarma.client import RequestKind, ZadarmaClient
from crm_app.telephony.zadarma.errors import ErrorCode, ZadarmaError
from crm_app.telephony.zadarma.replies import (
    AccountClock,
    Balance,
    ExtensionList,
    Notifications,
    StatisticsLeg,
)
from tests.patience import wait_until
from tests.simulator.conftest import KEY, SECRET, Office

API = "https://api.zadarma.com"
NOON = datetime(2026, 3, 2, 12, 0, 10, tzinfo=UTC)


def refusal(asking: ZadarmaClient) -> ZadarmaError:
    with pytest.raises(ZadarmaError) as caught:
        asking.balance()
    return caught.value


@pytest.fixture
def canned() -> ZadarmaClient:
    """A client of the real address, for answers that the simulator would never give."""
    return ZadarmaClient(KEY, SECRET)


@time_machine.travel(NOON)
def test_it_reads_the_account(pbx: Simulator, client: ZadarmaClient) -> None:
    pbx.account.balance = Decimal("10.345")
    assert client.balance() == Balance(1034, "EUR")
    assert client.extensions() == ExtensionList("499499", ("101", "102", "103", "104", "105"))
    clock = client.timezone()
    assert clock == AccountClock(int(NOON.timestamp()), "2026-03-02 12:00:10", "UTC+0")
    assert clock.offset_seconds == 0


def test_it_tells_how_far_the_account_clock_is_off() -> None:
    assert AccountClock(1772452810, "2026-03-02 17:30:11", "UTC+5:30").offset_seconds == 19800


def test_it_reads_one_extension(pbx: Simulator, client: ZadarmaClient) -> None:
    pbx.account.online.discard("102")
    assert client.extension_status("101") is True
    assert client.extension_status("102") is False


def test_it_cannot_be_led_to_another_path(pbx: Simulator, client: ZadarmaClient) -> None:
    with pytest.raises(ZadarmaError):
        client.extension_status("../../info/balance/?x=")
    assert pbx.api_calls[-1].path == "/v1/pbx/internal/..%2F..%2Finfo%2Fbalance%2F%3Fx%3D/status/"


def test_it_sets_up_notifications(pbx: Simulator, client: ZadarmaClient, office: Office) -> None:
    address = f"{office.url}/~tail?k=a%20b&tenant=7"
    assert client.set_webhook_address(address) == address
    wanted = Notifications(extension_rang=False)
    assert client.set_notifications(wanted) == wanted
    found = client.webhook_address()
    assert (found.url, found.notifications) == (address, wanted)


def test_it_sends_characters_as_it_signed_them(pbx: Simulator, client: ZadarmaClient) -> None:
    with pytest.raises(ZadarmaError) as caught:
        client.request_callback("~'()*!", "+351 910", sip="Ação")
    assert caught.value.code is ErrorCode.WRONG_REQUEST
    assert pbx.api_calls[-1].params == {
        "from": "~'()*!",
        "to": "+351 910",
        "sip": "Ação",
        "format": "json",
    }


def test_it_asks_for_a_call(pbx: Simulator, client: ZadarmaClient, office: Office) -> None:
    accepted = client.request_callback("101", "+351910000042")
    assert accepted.unix_time > 0
    assert pbx.api_calls[-1].params["sip"] == "101"
    office.wait_for("NOTIFY_OUT_START", "NOTIFY_ANSWER", "NOTIFY_OUT_END", "NOTIFY_RECORD")


@pytest.mark.parametrize(
    ("extension", "number", "code"),
    [
        ("199", "+351910000042", ErrorCode.WRONG_REQUEST),
        ("101", "12", ErrorCode.WRONG_NUMBER),
        ("101", "+351210000001", ErrorCode.WRONG_NUMBER),
        ("", "", ErrorCode.WRONG_REQUEST),
    ],
)
def test_it_says_why_a_call_is_refused(
    client: ZadarmaClient, extension: str, number: str, code: ErrorCode
) -> None:
    with pytest.raises(ZadarmaError) as caught:
        client.request_callback(extension, number)
    assert caught.value.code is code
    assert caught.value.is_permanent
    assert not caught.value.may_have_happened


def test_it_knows_the_misleading_words_for_a_wrong_extension(client: ZadarmaClient) -> None:
    with pytest.raises(ZadarmaError, match="Check your phone number") as caught:
        client.request_callback("199", "+351910000042", sip="101")
    assert caught.value.code is ErrorCode.WRONG_NUMBER


def test_it_says_that_there_is_no_money(pbx: Simulator, client: ZadarmaClient) -> None:
    pbx.account.balance = Decimal(0)
    with pytest.raises(ZadarmaError) as caught:
        client.request_callback("101", "+351910000042")
    assert caught.value.code is ErrorCode.NO_MONEY


def test_it_reads_statistics_in_pages(pbx: Simulator, client: ZadarmaClient) -> None:
    start = "2026-03-02 09:15:07"
    pbx.play("in-answered-5", t0=start, rec1="1772442907.100200", in_id="in_1")
    pbx.play("out-busy", t0="2026-03-02 10:00:00", out_id="out_1")
    page = client.pbx_statistics("2026-03-02 00:00:00", "2026-03-03 00:00:00", limit=5)
    assert page.row_count == 5
    assert page.legs[0] == StatisticsLeg(
        pbx_call_id="in_1",
        recording_id="1772442907.100200",
        extension="103",
        started=start,
        caller="+351910000042",
        called="351210000001",
        disposition="answered",
        disposition_raw="answered",
        talk_seconds=73,
        is_recorded=True,
    )
    assert {leg.recording_id for leg in page.legs[1:]} == {""}
    rest = client.pbx_statistics("2026-03-02 00:00:00", "2026-03-03 00:00:00", skip=5, limit=5)
    assert [leg.direction for leg in rest.legs] == ["outbound"]


def test_it_fetches_a_recording(pbx: Simulator, client: ZadarmaClient) -> None:
    pbx.play("in-answered-5", rec1="1772442907.100200", in_id="in_1")
    by_call = client.recording_links(pbx_call_id="in_1", lifetime=1)
    by_id = client.recording_links(recording_id="1772442907.100200", lifetime=10**9)
    assert pbx.api_calls[-1].params["lifetime"] == "5184000"
    assert len(by_call.links) == len(by_id.links) == 1
    sound = io.BytesIO()
    size = client.download_recording(by_id.links[0], sound, max_bytes=1_000_000)
    assert size == len(sound.getvalue()) > 10_000
    assert sound.getvalue().startswith((b"ID3", b"\xff\xfb"))


def test_it_says_that_a_recording_is_not_there_yet(pbx: Simulator, client: ZadarmaClient) -> None:
    pbx.play("in-answered-5", in_id="in_1")
    (link,) = client.recording_links(pbx_call_id="in_1").links
    pbx.account.are_recordings_ready = False
    for ask in (
        lambda: client.recording_links(pbx_call_id="in_1"),
        lambda: client.download_recording(link, io.BytesIO(), 10**6),
    ):
        with pytest.raises(ZadarmaError) as caught:
            ask()
        assert caught.value.code is ErrorCode.NOT_FOUND
        assert not caught.value.is_permanent


def test_a_refused_key_is_no_missing_recording(pbx: Simulator) -> None:
    asking = ZadarmaClient(KEY, "another", pbx.url)
    with pytest.raises(ZadarmaError) as caught:
        asking.recording_links(recording_id="1.2")
    asking.close()
    assert caught.value.code is ErrorCode.NOT_AUTHORISED


def test_a_recording_link_runs_out(pbx: Simulator, client: ZadarmaClient) -> None:
    pbx.play("in-answered-5", in_id="in_1")
    with time_machine.travel(NOON, tick=False):
        (link,) = client.recording_links(pbx_call_id="in_1", lifetime=180).links
    with time_machine.travel(NOON.replace(minute=4), tick=False), pytest.raises(ZadarmaError):
        client.download_recording(link, io.BytesIO(), 10**6)


def test_it_refuses_a_recording_that_is_too_long(pbx: Simulator, client: ZadarmaClient) -> None:
    pbx.play("in-answered-5", in_id="in_1")
    (link,) = client.recording_links(pbx_call_id="in_1").links
    with pytest.raises(ZadarmaError, match="too long"):
        client.download_recording(link, io.BytesIO(), 10_000)


@pytest.mark.parametrize(
    "link",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://zadarma.com.example.com/x.mp3",
        "https://notzadarma.com/x.mp3",
        "http://api.zadarma.com/x.mp3",
        "file:///etc/passwd",
        "",
    ],
)
def test_it_fetches_nothing_from_elsewhere(client: ZadarmaClient, link: str) -> None:
    with pytest.raises(ZadarmaError, match="does not lead"):
        client.download_recording(link, io.BytesIO(), 10**6)


@responses.activate
def test_it_never_shows_its_key_to_the_recording_store(canned: ZadarmaClient) -> None:
    link = "https://pbx.zadarma.com/x.mp3"
    sent = responses.add(responses.GET, link, body=b"sound", content_type="audio/mpeg")
    assert canned.download_recording(link, io.BytesIO(), 10**6) == 5
    assert "Authorization" not in sent.calls[0].request.headers


@responses.activate
@pytest.mark.parametrize(
    ("status", "content_type", "code"),
    [
        (200, "text/html", ErrorCode.UNREADABLE_ANSWER),
        (503, "text/html", ErrorCode.UNREACHABLE),
        (302, "text/html", ErrorCode.UNKNOWN),
    ],
)
def test_it_takes_no_page_for_a_recording(
    canned: ZadarmaClient, status: int, content_type: str, code: ErrorCode
) -> None:
    responses.add(responses.GET, f"{API}/x.mp3", "no", status=status, content_type=content_type)
    with pytest.raises(ZadarmaError) as caught:
        canned.download_recording(f"{API}/x.mp3", io.BytesIO(), 10**6)
    assert caught.value.code is code


def test_it_wants_one_id_for_a_recording(client: ZadarmaClient) -> None:
    with pytest.raises(ValueError, match="one"):
        client.recording_links()
    with pytest.raises(ValueError, match="one"):
        client.recording_links(recording_id="1.2", pbx_call_id="in_1")


def test_it_is_refused_with_a_wrong_secret(pbx: Simulator) -> None:
    asking = ZadarmaClient(KEY, "another", pbx.url)
    error = refusal(asking)
    asking.close()
    assert error.code is ErrorCode.NOT_AUTHORISED
    assert error.is_permanent


@time_machine.travel(NOON, tick=False)
def test_it_learns_when_the_limit_ends(pbx: Simulator, client: ZadarmaClient) -> None:
    for _ in range(3):
        client.pbx_statistics("2026-03-02 00:00:00", "2026-03-03 00:00:00")
    with pytest.raises(ZadarmaError) as caught:
        client.pbx_statistics("2026-03-02 00:00:00", "2026-03-03 00:00:00")
    assert caught.value.code is ErrorCode.RATE_LIMITED
    assert caught.value.retry_after == 60
    assert client.balance().currency == "EUR"


@time_machine.travel(NOON, tick=False)
def test_the_general_limit_is_a_hundred_a_minute(client: ZadarmaClient) -> None:
    for _ in range(100):
        client.balance()
    assert refusal(client).code is ErrorCode.RATE_LIMITED
    with time_machine.travel(NOON.replace(minute=1), tick=False):
        assert client.balance().amount_minor == 2500


@pytest.mark.parametrize(("kind", "retry_after"), [("limit", 7), ("limit200", None)])
def test_it_knows_a_limit_in_both_writings(
    pbx: Simulator, client: ZadarmaClient, kind: str, retry_after: int | None
) -> None:
    pbx.inject(kind, seconds=7)  # type: ignore[arg-type]
    error = refusal(client)
    assert (error.code, error.retry_after) == (ErrorCode.RATE_LIMITED, retry_after)
    assert not error.is_permanent


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("error", ErrorCode.UNREACHABLE),
        ("html", ErrorCode.UNREADABLE_ANSWER),
        ("down", ErrorCode.TIMED_OUT),
    ],
)
def test_it_survives_a_broken_api(
    pbx: Simulator, client: ZadarmaClient, kind: str, code: ErrorCode
) -> None:
    pbx.inject(kind, path="/v1/info/", times=1)  # type: ignore[arg-type]
    error = refusal(client)
    assert error.code is code
    assert not error.is_permanent
    assert error.may_have_happened
    assert client.balance().currency == "EUR"


def test_it_asks_only_once_for_a_call_that_got_no_answer(pbx: Simulator) -> None:
    asking = ZadarmaClient(KEY, SECRET, pbx.url, timeout=(1, 0.2))
    pbx.inject("slow", path="/v1/request/", seconds=0.5)
    with pytest.raises(ZadarmaError) as caught:
        asking.request_callback("101", "+351910000042")
    asking.close()
    assert caught.value.code is ErrorCode.TIMED_OUT
    assert caught.value.may_have_happened
    wait_until(
        lambda: [call.path for call in pbx.api_calls] == ["/v1/request/callback/"],
        "the PBX is not asked",
        seconds=10,
    )


def test_a_slow_answer_is_still_an_answer(pbx: Simulator, client: ZadarmaClient) -> None:
    pbx.inject("slow", seconds=0.05)
    assert client.balance().currency == "EUR"
    pbx.heal()


def test_it_says_that_nobody_is_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        asking = ZadarmaClient(KEY, SECRET, f"http://127.0.0.1:{taken.getsockname()[1]}")
        error = refusal(asking)
        asking.close()
    assert error.code is ErrorCode.UNREACHABLE
    assert not error.may_have_happened


@responses.activate
@pytest.mark.parametrize(
    ("raised", "code", "may_have_happened"),
    [
        (requests.ConnectTimeout("x"), ErrorCode.UNREACHABLE, False),
        (requests.ConnectionError("x"), ErrorCode.TIMED_OUT, True),
        (requests.ReadTimeout("x"), ErrorCode.TIMED_OUT, True),
    ],
)
def test_it_tells_failures_before_and_after_the_request_apart(
    canned: ZadarmaClient, raised: Exception, code: ErrorCode, may_have_happened: bool
) -> None:
    responses.add(responses.GET, f"{API}/v1/info/balance/", body=raised)
    error = refusal(canned)
    assert (error.code, error.may_have_happened) == (code, may_have_happened)


@responses.activate
@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, "[]", ErrorCode.UNREADABLE_ANSWER),
        (200, "[" * 100_000, ErrorCode.UNREADABLE_ANSWER),
        (200, "{}", ErrorCode.UNREADABLE_ANSWER),
        (200, '{"status": "success"}', ErrorCode.UNREADABLE_ANSWER),
        (200, '{"status": "success", "balance": 1e999}', ErrorCode.UNREADABLE_ANSWER),
        (200, '{"status": "error", "message": "Auth error"}', ErrorCode.NOT_AUTHORISED),
        (200, '{"status": "error", "message": "What?"}', ErrorCode.UNKNOWN),
        (200, '{"status": "error", "data": "Wrong parameters!"}', ErrorCode.WRONG_REQUEST),
        (400, '{"status": "error", "message": "What?"}', ErrorCode.WRONG_REQUEST),
        (404, '{"status": "error", "message": "Wrong method name"}', ErrorCode.WRONG_REQUEST),
        (401, "<html>", ErrorCode.NOT_AUTHORISED),
        (402, "{}", ErrorCode.NO_MONEY),
        (429, '{"status": "success"}', ErrorCode.RATE_LIMITED),
        (502, "<html>", ErrorCode.UNREACHABLE),
        (302, "", ErrorCode.UNREADABLE_ANSWER),
    ],
)
def test_it_reads_any_refusal(
    canned: ZadarmaClient, status: int, body: str, code: ErrorCode
) -> None:
    responses.add(responses.GET, f"{API}/v1/info/balance/", body, status=status)
    assert refusal(canned).code is code


@responses.activate
@pytest.mark.parametrize("reset", ["abc", "0", "99999999999", "9" * 6000])
def test_it_takes_no_nonsense_for_a_waiting_time(canned: ZadarmaClient, reset: str) -> None:
    headers = {"X-RateLimit-Reset": reset, "Retry-After": "soon"}
    responses.add(responses.GET, f"{API}/v1/info/balance/", "{}", status=429, headers=headers)
    assert refusal(canned).retry_after is None


@responses.activate
def test_it_reads_loosely_typed_answers(canned: ZadarmaClient) -> None:
    answers = {
        "/v1/info/balance/": '{"status": "success", "balance": "10.34", "currency": "USD"}',
        "/v1/pbx/internal/": '{"status": "success", "pbx_id": "7", "numbers": ["101", 102, null]}',
        "/v1/pbx/internal/101/status/": '{"status": "success", "is_online": true}',
        "/v1/pbx/internal/101/info/": '{"status": "success", "lines": null, "record_store": false}',
        "/v1/request/callback/": '{"status": "success"}',
        "/v1/pbx/callinfo/": '{"status": "success", "url": null, "notifications": []}',
        "/v1/pbx/record/request/": '{"status": "success", "link": "a", "links": ["a", "b"]}',
        "/v1/statistics/pbx/": '{"status": "success", "stats": [{"pbx_call_id": "in_1", '
        '"call_id": 1439981389.2702773, "sip": 0, "clid": "\\"Ana\\" <+48500>", "seconds": "x"}, '
        '{"pbx_call_id": "in_2", "clid": "Office 101 (101)", "is_recorded": 1}, '
        '{"pbx_call_id": "out_3", "clid": 48500, "seconds": 7.0, "disposition": "call failed"}, '
        '{"call_id": 1}, 5]}',
    }
    for path, answer in answers.items():
        responses.add(responses.GET, API + path, answer)
    assert canned.balance() == Balance(1034, "USD")
    assert canned.extensions() == ExtensionList("7", ("101", "102"))
    assert canned.extension_status("101") is True
    assert canned.request_callback("101", "+351910000042").unix_time == 0
    assert canned.webhook_address().notifications.call_started is False
    assert canned.recording_links(pbx_call_id="in_1").links == ("a", "b")
    page = canned.pbx_statistics("a", "b")
    assert page.row_count == 5
    assert [leg.caller for leg in page.legs] == ["+48500", "101", "48500"]
    assert [leg.talk_seconds for leg in page.legs] == [0, 0, 7]
    assert page.legs[0].recording_id == "1439981389.2702773"
    assert page.legs[0].extension == ""
    assert page.legs[1].is_recorded
    assert page.legs[2].disposition == "failed"


@responses.activate
@pytest.mark.parametrize(
    ("path", "ask"),
    [
        ("/v1/info/timezone/", ZadarmaClient.timezone),
        ("/v1/pbx/internal/", ZadarmaClient.extensions),
        ("/v1/statistics/pbx/", lambda asking: asking.pbx_statistics("a", "b")),
        ("/v1/pbx/record/request/", lambda asking: asking.recording_links(recording_id="1.2")),
    ],
)
def test_it_refuses_answers_that_lack_the_point(
    canned: ZadarmaClient, path: str, ask: Callable[[ZadarmaClient], object]
) -> None:
    responses.add(responses.GET, API + path, '{"status": "success"}')
    with pytest.raises(ZadarmaError) as caught:
        ask(canned)
    assert caught.value.code in (ErrorCode.UNREADABLE_ANSWER, ErrorCode.NOT_FOUND)


@responses.activate
def test_it_refuses_an_endless_answer(canned: ZadarmaClient) -> None:
    responses.add(responses.GET, f"{API}/v1/info/balance/", b" " * 11_000_000)
    assert refusal(canned).code is ErrorCode.UNREADABLE_ANSWER


@responses.activate
def test_it_ends_an_answer_that_drips(
    canned: ZadarmaClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm_app.telephony.zadarma.client._MAX_ANSWER_SECONDS", -1.0)
    responses.add(responses.GET, f"{API}/v1/info/balance/", "{}")
    assert refusal(canned).code is ErrorCode.TIMED_OUT


def test_it_survives_an_answer_that_breaks_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        asking = ZadarmaClient(KEY, SECRET, f"http://127.0.0.1:{server.getsockname()[1]}")
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        error = refusal(asking)
        thread.join()
        asking.close()
    assert error.code is ErrorCode.TIMED_OUT


def test_it_asks_its_budget_first(pbx: Simulator) -> None:
    kinds: list[RequestKind] = []

    def spend(kind: RequestKind) -> bool:
        kinds.append(kind)
        return len(kinds) < 2

    asking = ZadarmaClient(KEY, SECRET, pbx.url, budget=spend)
    asking.balance()
    with pytest.raises(ZadarmaError) as caught:
        asking.pbx_statistics("2026-03-02 00:00:00", "2026-03-03 00:00:00")
    asking.close()
    assert caught.value.code is ErrorCode.RATE_LIMITED
    assert kinds == ["api", "statistics"]
    assert len(pbx.api_calls) == 1


def test_it_tells_no_secret_and_no_number(
    pbx: Simulator, client: ZadarmaClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    pbx.inject("down", times=1)
    with pytest.raises(ZadarmaError) as caught:
        client.request_callback("101", "+351910000042")
    client.balance()
    chain = [caught.value, caught.value.__cause__]
    told = " ".join([repr(chain), repr(client), str(caught.value)])
    assert SECRET not in told + caplog.text
    assert "910000042" not in told + caplog.text
    assert caught.value.__suppress_context__


def test_its_messages_hide_phone_numbers() -> None:
    error = ZadarmaError(ErrorCode.UNKNOWN, "No route to +351 910 000 042\n or 351910000042")
    assert error.message == "No route to … or …"
