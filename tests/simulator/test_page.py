"""The page from which a person rings the office."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from crm_app.simulator import Simulator
from crm_app.simulator.calls import IncomingCall
from crm_app.simulator.page import SCRIPTS
from tests.patience import wait_until
from tests.simulator.conftest import KEY, SECRET, Office
from tests.simulator.test_api import raw

ANA = ("Ana <Sousa>", "+351912345678")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def pbx(office: Office) -> Iterator[Simulator]:
    with Simulator(KEY, SECRET, office.url, extensions=["101", "102"], clients=[ANA]) as simulator:
        yield simulator
    assert simulator.errors == []


def get(pbx: Simulator, path: str = "/live") -> str:
    status, headers, body = raw(pbx, "GET", path, None, {})
    assert status == 200
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    return body.decode()


def press(pbx: Simulator, path: str, **fields: str) -> None:
    status, headers, _ = raw(pbx, "POST", path, urlencode(fields), {})
    assert (status, headers["Location"]) == (303, "/")


def buttons(pbx: Simulator) -> list[str]:
    return re.findall(r'aria-label="([^"]+?) ?"', get(pbx))


def test_it_shows_clients_scripts_and_phones(pbx: Simulator) -> None:
    page = get(pbx, "/")
    assert "Ana &lt;Sousa&gt; · +351912345678" in page
    assert all(script.title in page for script in SCRIPTS.values())
    assert page.count('class="phone idle"') == 2
    assert "$" not in page
    assert "Nothing posted yet" in page
    assert " style=" not in page
    assert not re.search(r"\son\w+=", page)


def test_it_knows_a_client_without_being_told_one(office: Office) -> None:
    with Simulator(KEY, SECRET, office.url) as pbx:
        assert "+351 910 000 042" in get(pbx, "/")
        press(pbx, "/ring", script="ring")
        assert pbx.live_calls[0].client == "+351910000042"


@pytest.mark.parametrize("path", ["/page.css", "/page.js"])
def test_its_parts_come_from_itself(pbx: Simulator, path: str) -> None:
    assert path in get(pbx, "/")
    assert "http" not in get(pbx, path)


def test_its_script_is_short() -> None:
    script = ROOT / "crm_app/simulator/static/page.js"
    assert len(script.read_text().splitlines()) <= 60


def test_a_person_plays_an_incoming_call(pbx: Simulator, office: Office) -> None:
    office.replies["NOTIFY_START"] = {"caller_name": "Ana & Co"}
    press(pbx, "/ring", script="ring", client=ANA[1])
    assert buttons(pbx) == ["Answer 101", "Answer 102", "Hang up"]
    assert "Ana & Co" in unescape(get(pbx))
    (call,) = pbx.live_calls
    press(pbx, "/answer", call=call.pbx_call_id, extension="101")
    assert buttons(pbx) == ["Hang up 101", "→ 102 102", "Hang up"]
    press(pbx, "/transfer", call=call.pbx_call_id, extension="102")
    press(pbx, "/answer", call=call.pbx_call_id, extension="102")
    press(pbx, "/hangup", call=call.pbx_call_id, extension="102")
    assert buttons(pbx) == []
    assert office.events[-2:] == ["NOTIFY_END", "NOTIFY_RECORD"]
    assert '<span class="tag good">200</span>' in get(pbx)


def test_a_person_plays_an_outgoing_call(pbx: Simulator, office: Office) -> None:
    pbx.account.callback = "interactive"
    pbx._click_to_call("102", ANA[1])
    assert buttons(pbx) == ["Answer 102", "Hang up 102", "Hang up"]
    (call,) = pbx.live_calls
    press(pbx, "/answer", call=call.pbx_call_id, extension="102")
    assert buttons(pbx) == ["Hang up 102", "Answer", "Decline"]
    press(pbx, "/transfer", call=call.pbx_call_id, extension="101")
    press(pbx, "/answer", call=call.pbx_call_id)
    assert office.events == ["NOTIFY_OUT_START", "NOTIFY_ANSWER"]
    press(pbx, "/decline", call=call.pbx_call_id)
    assert call.state == "talking"


def test_a_client_can_decline(pbx: Simulator, office: Office) -> None:
    call = pbx.dial("101", ANA[1])
    press(pbx, "/decline", call=call.pbx_call_id)
    assert office.events == ["NOTIFY_OUT_START", "NOTIFY_OUT_END"]
    assert office.posts[-1]["disposition"] == "busy"


def test_a_typed_number_comes_before_the_list(pbx: Simulator) -> None:
    press(pbx, "/ring", script="ring", client=ANA[1], number=" +34 600-000-042 ")
    press(pbx, "/ring", script="ring", client=ANA[1], number="600 000 042")
    assert [call.client for call in pbx.live_calls] == ["600000042", "+34600000042"]


def test_it_does_nothing_for_a_button_that_does_not_exist(pbx: Simulator, office: Office) -> None:
    press(pbx, "/ring", script="nonsense", client=ANA[1])
    press(pbx, "/ring", script="ring")
    press(pbx, "/nonsense", call="x")
    press(pbx, "/hangup", call="x")
    press(pbx, "/ring", script="missed", client=ANA[1])
    press(pbx, "/decline", call=pbx.live_calls[0].pbx_call_id)
    assert pbx.live_calls[0].state == "ringing"
    assert raw(pbx, "GET", "/nonsense", None, {})[0] == 404


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("ring", ["ringing"]),
        ("stranger", ["ringing"]),
        ("two", ["ringing", "ringing"]),
        ("missed", ["ended"]),
        ("transfer", ["ended"]),
        ("outgoing", ["talking"]),
        ("hidden", ["ringing"]),
        ("lost", ["ended"]),
    ],
)
def test_each_script_is_played_to_its_end(
    pbx: Simulator, office: Office, script: str, expected: list[str]
) -> None:
    pbx.after = lambda seconds, action: action()  # type: ignore[method-assign,assignment]
    press(pbx, "/ring", script=script, client=ANA[1])
    assert [call.state for call in pbx.live_calls] == expected
    caller = {"stranger": "+35191", "hidden": "Anonymous"}.get(script, ANA[1])
    assert pbx.live_calls[-1].client.startswith(caller)
    ends = office.events.count("NOTIFY_END")
    assert ends == {"missed": 1, "transfer": 1}.get(script, 0)


def test_the_transfer_script_passes_the_call_on(pbx: Simulator, office: Office) -> None:
    pbx.after = lambda seconds, action: action()  # type: ignore[method-assign,assignment]
    press(pbx, "/ring", script="transfer", client=ANA[1])
    end = next(post for post in office.posts if post["event"] == "NOTIFY_END")
    assert end["last_internal"] == "102"


def test_a_transfer_needs_a_phone_that_rings(pbx: Simulator, office: Office) -> None:
    pbx.account.online.clear()
    pbx.after = lambda seconds, action: action()  # type: ignore[method-assign,assignment]
    press(pbx, "/ring", script="transfer", client=ANA[1])
    assert "Switched off" in get(pbx)
    assert office.posts[-1]["disposition"] == "cancel"


def test_it_shows_what_went_wrong(pbx: Simulator, office: Office) -> None:
    office.status = 403
    pbx.play("in-busy", lost=["NOTIFY_END"])
    shown = get(pbx)
    assert '<span class="tag bad">403</span>' in shown
    assert '<span class="tag bad">lost</span>' in shown


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example.com"},
        {"Origin": "https://evil.example.com"},
        {"Origin": "null"},
        {"Host": ""},
    ],
)
def test_no_other_site_can_ring_the_office(pbx: Simulator, headers: dict[str, str]) -> None:
    status, _, _ = raw(pbx, "POST", "/ring", urlencode({"client": ANA[1]}), headers)
    assert status == 403
    assert not pbx.live_calls


def test_its_own_page_can(pbx: Simulator) -> None:
    body = urlencode({"client": ANA[1]})
    status, _, _ = raw(pbx, "POST", "/ring", body, {"Origin": pbx.url})
    assert status == 303
    assert isinstance(pbx.live_calls[0], IncomingCall)


@pytest.mark.processes
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_runs_as_a_command_until_it_is_told_to_end(office: Office, ending: int) -> None:
    command = [sys.executable, "-m", "crm_app.simulator"]
    given = ["--key", KEY, "--secret", SECRET, "--webhook", office.url, "--extensions", "101"]
    known = ["--client", "Ana=+351912345678", "--client", "+351213456789"]
    process = subprocess.Popen(command + given + known, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    address = process.stdout.readline().rpartition(" ")[2].strip()
    port = urlsplit(address).port
    taken = subprocess.run(
        [*command, *given, "--port", str(port)], cwd=ROOT, capture_output=True, text=True
    )
    process.send_signal(ending)
    assert process.wait(60) == 0
    process.stdout.close()
    assert taken.returncode == 1
    assert f"Port {port} cannot be used" in taken.stderr


def test_the_command_serves_the_page(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    from crm_app.simulator import __main__ as command

    handlers = {}
    monkeypatch.setattr(
        signal, "signal", lambda number, handler: handlers.update({number: handler})
    )
    seen: list[str] = []

    def write(text: str) -> int:
        pbx_url = text.rpartition(" ")[2].strip().rstrip("/")
        host = urlsplit(pbx_url)
        import http.client

        connection = http.client.HTTPConnection(host.hostname or "", host.port, timeout=30)
        connection.request("GET", "/")
        seen.append(connection.getresponse().read().decode())
        connection.close()
        handlers[signal.SIGTERM](signal.SIGTERM, None)
        return len(text)

    monkeypatch.setattr(sys.stdout, "write", write)
    arguments = ["--key", KEY, "--secret", SECRET, "--webhook", office.url]
    code = command.run([*arguments, "--client", "Ana=+351912345678", "--client", "+351213456789"])
    monkeypatch.undo()
    assert code == 0
    assert "Ana · +351912345678" in seen[0]
    assert "+351213456789 · +351213456789" in seen[0]


def test_the_command_says_that_its_port_is_taken(
    pbx: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    from crm_app.simulator import __main__ as command

    port = str(urlsplit(pbx.url).port)
    arguments = ["--key", KEY, "--secret", SECRET, "--webhook", "http://127.0.0.1:9/"]
    assert command.run([*arguments, "--port", port]) == 1
    assert f"Port {port} cannot be used" in capsys.readouterr().err


def test_a_phone_answers_only_while_it_rings(pbx: Simulator, office: Office) -> None:
    press(pbx, "/ring", script="ring", client=ANA[1])
    call = pbx.live_calls[0]
    press(pbx, "/hangup", call=call.pbx_call_id)
    press(pbx, "/answer", call=call.pbx_call_id, extension="101")
    wait_until(lambda: office.events[-1] == "NOTIFY_END", "it never ended", seconds=10)
    assert call.state == "ended"
