"""Calls that a person or a test steers while they run."""

import threading

import pytest
import time_machine

from crm_app.simulator import Simulator
from crm_app.simulator.calls import OutgoingCall
from crm_app.telephony.zadarma.client import ZadarmaClient
from tests.patience import wait_until
from tests.simulator.conftest import KEY, SECRET, Office

CLIENT = "+351910000042"


def test_a_call_rings_until_one_answers(pbx: Simulator, office: Office) -> None:
    call = pbx.ring(CLIENT, ["101", "102"])
    assert (call.state, call.ringing) == ("ringing", ["101", "102"])
    assert call.answer("103") is False
    assert call.answer("102") is True
    assert call.answer("101") is False
    assert (call.state, call.talker, call.ringing) == ("talking", "102", [])
    assert call.hang_up() is True
    assert call.hang_up() is False
    assert call.time_out() is False
    assert (call.state, call.disposition) == ("ended", "answered")
    assert office.events == [
        "NOTIFY_START",
        "NOTIFY_INTERNAL",
        "NOTIFY_INTERNAL",
        "NOTIFY_ANSWER",
        "NOTIFY_END",
        "NOTIFY_RECORD",
    ]
    end, record = office.posts[-2:]
    assert (end["internal"], end["last_internal"]) == ("102", "102")
    assert (end["disposition"], end["is_recorded"]) == ("answered", "1")
    assert record["call_id_with_rec"] == end["call_id_with_rec"]
    assert "call_start" not in record
    assert {post["pbx_call_id"] for post in office.posts} == {call.pbx_call_id}
    assert all(office.is_signed)
    assert call.record() is False


def test_talk_time_is_counted(pbx: Simulator, office: Office) -> None:
    clock = iter([100.0, 173.2])
    pbx.seconds = lambda: next(clock)  # type: ignore[method-assign]
    call = pbx.ring(CLIENT)
    call.answer("101")
    call.hang_up()
    assert next(post for post in office.posts if post["event"] == "NOTIFY_END")["duration"] == "73"


def test_a_caller_can_give_up(pbx: Simulator, office: Office) -> None:
    pbx.ring(CLIENT, ["101"]).hang_up()
    end = office.posts[-1]
    assert (end["event"], end["disposition"], end["internal"]) == ("NOTIFY_END", "cancel", "")
    assert "call_id_with_rec" not in end
    assert "last_internal" not in end


def test_ringing_runs_out(office: Office) -> None:
    with Simulator(KEY, SECRET, office.url, ring_seconds=0.02) as pbx:
        call = pbx.ring(CLIENT, ["101"])
        wait_until(lambda: call.state == "ended", "it never ended", seconds=10)
        office.wait_for("NOTIFY_END")
    assert office.posts[-1]["disposition"] == "no answer"


def test_a_call_is_passed_on(pbx: Simulator, office: Office) -> None:
    call = pbx.ring(CLIENT, ["101"])
    assert call.transfer("103") is False
    call.answer("101")
    assert call.transfer("101") is False
    assert call.transfer("103") is True
    assert call.state == "talking"
    assert office.posts[-1]["internal"] == "103"
    assert office.posts[-1]["transfer_from"] == "101"
    assert call.answer("103") is True
    assert office.posts[-1]["transfer_from"] == "101"
    call.hang_up()
    end = next(post for post in office.posts if post["event"] == "NOTIFY_END")
    assert end["last_internal"] == "103"


def test_the_answer_chooses_who_rings(pbx: Simulator, office: Office) -> None:
    office.replies["NOTIFY_START"] = {
        "redirect": "102",
        "return_timeout": 0,
        "caller_name": "Ana Sousa",
    }
    call = pbx.ring(CLIENT, ["101", "102"])
    assert call.ringing == ["102"]
    assert call.caller_name == "Ana Sousa"
    assert call.reply["redirect"] == "102"
    assert call.come_back() is True
    assert call.ringing == ["102", "101"]
    call.answer("101")
    assert call.come_back() is False


def test_a_redirected_call_comes_back_by_itself(pbx: Simulator, office: Office) -> None:
    office.replies["NOTIFY_START"] = {"redirect": "102", "return_timeout": 3}
    waited: list[float] = []
    pbx.after = lambda seconds, action: (waited.append(seconds), action())  # type: ignore[assignment]
    call = pbx.ring(CLIENT, ["101"])
    assert waited == [3]
    assert call.ringing == ["102", "101"]


@pytest.mark.parametrize(
    ("reply", "disposition"), [({"redirect": "blacklist"}, "busy"), ({"hangup": 1}, "cancel")]
)
def test_the_answer_can_refuse_the_call(
    pbx: Simulator, office: Office, reply: dict[str, object], disposition: str
) -> None:
    office.replies["NOTIFY_START"] = reply
    call = pbx.ring(CLIENT)
    assert call.is_refused
    assert call.state == "ended"
    assert office.events == ["NOTIFY_START", "NOTIFY_END"]
    assert office.posts[-1]["disposition"] == disposition


def test_phones_that_are_off_do_not_ring(office: Office) -> None:
    with Simulator(KEY, SECRET, office.url, extensions=["101", "102"], online=["102"]) as pbx:
        assert pbx.ring(CLIENT).ringing == ["102"]


def test_the_end_can_be_lost(pbx: Simulator, office: Office) -> None:
    call = pbx.ring(CLIENT, ["101"])
    call.answer("101")
    call.hang_up(is_end_lost=True)
    assert office.events[-1] == "NOTIFY_ANSWER"
    assert call.record() is True


def test_one_answer_wins_when_all_press_at_once(pbx: Simulator, office: Office) -> None:
    extensions = pbx.account.extensions
    call = pbx.ring(CLIENT)
    won: list[str] = []
    gate = threading.Barrier(len(extensions))

    def press(extension: str) -> None:
        gate.wait()
        if call.answer(extension):
            won.append(extension)

    threads = [threading.Thread(target=press, args=(one,)) for one in extensions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [call.talker]
    assert office.events.count("NOTIFY_ANSWER") == 1


def test_an_extension_calls_out(pbx: Simulator, office: Office) -> None:
    call = pbx.dial("101", CLIENT)
    assert call.start() is False
    assert call.answer() is True
    assert call.answer() is False
    assert call.time_out() is False
    assert call.hang_up() is True
    assert call.hang_up() is False
    assert office.events == ["NOTIFY_OUT_START", "NOTIFY_ANSWER", "NOTIFY_OUT_END", "NOTIFY_RECORD"]
    start, answer, end, _ = office.posts
    assert (start["destination"], start["internal"], start["caller_id"]) == (
        "351910000042",
        "101",
        "0",
    )
    assert (answer["caller_id"], answer["destination"]) == ("101", "351910000042")
    assert (end["disposition"], end["caller_id"]) == ("answered", pbx.account.did)
    assert all(office.is_signed)


@pytest.mark.parametrize(
    ("end", "disposition"),
    [
        (OutgoingCall.decline, "busy"),
        (OutgoingCall.time_out, "no answer"),
        (OutgoingCall.hang_up, "cancel"),
    ],
)
def test_an_outgoing_call_can_fail(
    pbx: Simulator, office: Office, end: object, disposition: str
) -> None:
    call = pbx.dial("101", CLIENT)
    end(call)  # type: ignore[operator]
    assert office.posts[-1]["disposition"] == disposition
    assert office.posts[-1]["duration"] == "0"


def test_a_clicked_call_rings_the_employee_first(
    pbx: Simulator, client: ZadarmaClient, office: Office
) -> None:
    pbx.account.callback = "interactive"
    client.request_callback("101", CLIENT)
    (call,) = pbx.live_calls
    assert isinstance(call, OutgoingCall)
    assert (call.state, office.events) == ("waiting", [])
    assert call.answer() is False
    assert call.start() is True
    assert office.events == ["NOTIFY_OUT_START"]


def test_nobody_is_called_if_the_employee_does_not_answer(
    pbx: Simulator, client: ZadarmaClient, office: Office
) -> None:
    pbx.account.callback = "interactive"
    client.request_callback("101", CLIENT)
    assert pbx.live_calls[0].time_out() is True
    assert pbx.live_calls[0].state == "ended"
    assert office.events == []


@pytest.mark.parametrize("callback", ["callback-single", "interactive"])
def test_a_clicked_call_of_a_phone_that_is_off_reaches_nobody(
    pbx: Simulator, client: ZadarmaClient, office: Office, callback: str
) -> None:
    pbx.account.callback = callback
    pbx.account.online.discard("101")
    client.request_callback("101", CLIENT)
    office.wait_for("NOTIFY_OUT_START", "NOTIFY_OUT_END")
    assert {post["destination"] for post in office.posts} == {"101"}
    assert office.posts[-1]["disposition"] == "no answer"


@pytest.mark.parametrize("callback", ["callback-single", "interactive"])
def test_a_full_login_is_accepted_and_nothing_rings(
    pbx: Simulator, client: ZadarmaClient, office: Office, callback: str
) -> None:
    pbx.account.callback = callback
    client.request_callback("499499-101", CLIENT, sip="101")
    pbx.stop()
    assert office.events == []
    assert not pbx.live_calls


def test_a_clicked_call_plays_the_chosen_variant(
    pbx: Simulator, client: ZadarmaClient, office: Office
) -> None:
    pbx.account.callback = "callback-client-busy"
    client.request_callback("102", CLIENT)
    office.wait_for("NOTIFY_OUT_START", "NOTIFY_OUT_END")
    assert office.posts[-1]["disposition"] == "busy"
    assert office.posts[-1]["internal"] == "102"


def test_the_recording_comes_a_while_after_the_end(office: Office) -> None:
    with Simulator(KEY, SECRET, office.url, speed=0.002) as pbx:
        call = pbx.ring(CLIENT)
        call.answer("101")
        call.hang_up()
        office.wait_for("NOTIFY_END", "NOTIFY_RECORD")


@time_machine.travel("2026-03-02 09:00:00+00:00", tick=False)
def test_steered_calls_are_in_the_statistics(pbx: Simulator, client: ZadarmaClient) -> None:
    call = pbx.ring(CLIENT, ["101", "102"])
    call.answer("102")
    call.hang_up()
    page = client.pbx_statistics("2026-03-02 08:00:00", "2026-03-02 10:00:00")
    assert [(leg.extension, leg.disposition) for leg in page.legs] == [
        ("102", "answered"),
        ("101", "cancelled"),
    ]
    assert {leg.pbx_call_id for leg in page.legs} == {call.pbx_call_id}
