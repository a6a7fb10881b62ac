"""What a real office tells strangers, whom it believes, and what it leaves open on the machine."""

import http.client
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.running import Office, flask

pytestmark = [pytest.mark.processes, pytest.mark.unhurried]
PBX = "185.45.152.41"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """An office behind a proxy of this machine that speaks TLS."""
    folder = tmp_path_factory.mktemp("doors") / "data"
    public = {"PUBLIC_URL": "https://crm.example.com", "TRUSTED_PROXIES": "1"}
    with Office(folder, METRICS_TOKEN="0123456789abcdef", **public) as running:
        yield running


def ask(office: Office, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
    """Ask for a page; give status, headers and text."""
    connection = http.client.HTTPConnection("127.0.0.1", office.port, timeout=30)
    try:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET", path, headers=sent)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


def raw(office: Office, request: bytes) -> bytes:
    """Send bytes; give the first line that comes back."""
    with socket.create_connection(("127.0.0.1", office.port), 30) as connection:
        connection.sendall(request)
        return connection.recv(4096).split(b"\r\n")[0]


@pytest.mark.parametrize("path", ["/login", "/healthz", "/nothing-here", "/zadarma", "/contacts"])
def test_no_answer_names_the_server(office: Office, path: str) -> None:
    _status, headers, _text = ask(office, path)
    assert "Server" not in headers
    assert "Date" in headers


def test_a_request_without_host_or_for_another_one_is_refused(office: Office) -> None:
    assert raw(office, b"GET /login HTTP/1.1\r\n\r\n").split()[1] == b"400"
    assert raw(office, b"GET /login HTTP/1.0\r\n\r\n").split()[1] == b"400"
    assert ask(office, "/login", Host="evil.example")[0] == 400
    assert ask(office, "/login", Host="crm.example.com")[0] == 200
    assert ask(office, "/login")[0] == 200
    assert raw(office, b"GET /healthz HTTP/1.0\r\n\r\n").split()[1] == b"200"


def test_strangers_learn_whether_it_works_and_not_what_it_is_made_of(office: Office) -> None:
    status, _headers, text = ask(office, "/readyz", X_Forwarded_For="203.0.113.7")
    assert (status, json.loads(text)) == (200, {"status": "ready"})
    assert "checks" in json.loads(ask(office, "/readyz")[2])
    token = {"X_Forwarded_For": "203.0.113.7", "Authorization": "Bearer 0123456789abcdef"}
    assert "database" in json.loads(ask(office, "/readyz", **token)[2])["checks"]


def test_the_pbxs_network_cannot_be_written_into_a_header(office: Office) -> None:
    from urllib.parse import urlencode

    def post(**headers: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", office.port, timeout=30)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request("POST", "/zadarma", urlencode({"event": "NOTIFY_START"}), sent)
        status = connection.getresponse().status
        connection.close()
        return status

    for odd in (f"{PBX}%eth0", f'"{PBX}"', f"{PBX}, 203.0.113.7", f'{PBX}, "x'):
        assert post(X_Forwarded_For=odd) == 403


def test_cookies_insist_on_tls_and_debug_mode_is_refused(office: Office, tmp_path: Path) -> None:
    cookie = ask(office, "/login", Host="crm.example.com")[1]["Set-Cookie"]
    assert "Secure" in cookie
    for value in ("1", "true"):
        answer = flask(
            tmp_path / "data", "serve", FLASK_DEBUG=value, PUBLIC_URL="https://crm.example.com"
        )
        assert answer.returncode == 1
        assert answer.stderr.startswith("Error: FLASK_DEBUG: ")
        assert len(answer.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", [("db", "upgrade"), ("user", "list")])
def test_every_command_closes_the_data_folder_to_others(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    assert os.umask(0o022) == 0o022, "this test needs the usual umask"
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    data.chmod(0o755)
    assert flask(data, "db", "upgrade").returncode == 0
    # As an earlier release left it.
    data.chmod(0o755)
    (data / "ramal.db").chmod(0o644)
    assert flask(data, *command).returncode == 0
    kept = [data, *data.rglob("*")]
    open_to_others = [str(path) for path in kept if path.stat().st_mode & 0o077]
    assert not open_to_others


def test_a_folder_that_is_shared_on_purpose_is_not_closed(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    assert flask(shared, "db", "upgrade").returncode == 0
    assert shared.stat().st_mode & 0o7777 == 0o1777
    assert (shared / "ramal.db").stat().st_mode & 0o077 == 0


def test_the_demonstration_shows_no_secret_in_the_list_of_processes(tmp_path: Path) -> None:
    with Office(tmp_path / "data", "--demo") as demo:
        commands = " ".join(demo.children().values())
        assert "simulator" in commands
        assert "--key=" in commands
        assert "secret" not in commands.lower()
