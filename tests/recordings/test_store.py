"""Sound files are in a folder or in an S3-compatible store, which answers over its own server."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from flask import Flask
from moto.server import ThreadedMotoServer

from crm_app.accounts.models import User
from crm_app.recordings.store import Store
from crm_app.simulator.office import Simulator
from crm_app.simulator.sounds import sound
from tests.owed import perform
from tests.recordings.conftest import fetched, record, the_recording
from tests.recordings.test_sound import ClientOf

BYTES = bytes(range(256)) * 20_000


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    """An S3 server in this process; gives its address."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A bucket of that server, found by the settings of the environment."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": s3_server,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    system = fsspec.filesystem("s3", skip_instance_cache=True)
    if not system.exists("sounds"):
        system.mkdir("sounds")
    return Store("s3://sounds/office", tmp_path)


@pytest.fixture(params=["folder", "s3"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """One of the two."""
    if request.param == "folder":
        return Store((tmp_path / "some recordings").as_uri(), tmp_path)
    found: Store = request.getfixturevalue("s3")
    return found


def put(store: Store, name: str) -> None:
    """Put a file in its place."""
    path = store.new_file(name)
    path.write_bytes(BYTES)
    store.put(path, name)
    assert not path.exists()


def test_it_gives_back_what_was_put_whole_and_in_parts(any_store: Store) -> None:
    put(any_store, "2026/03/7.mp3")
    assert any_store.size("2026/03/7.mp3") == len(BYTES)
    for first, end in ((0, len(BYTES)), (5, 9), (len(BYTES) - 1, len(BYTES)), (4, 4)):
        assert b"".join(any_store.read("2026/03/7.mp3", first, end)) == BYTES[first:end]


def test_it_deletes_once_and_says_when_there_was_nothing(any_store: Store) -> None:
    put(any_store, "2026/03/8.mp3")
    assert any_store.delete("2026/03/8.mp3")
    assert not any_store.delete("2026/03/8.mp3")
    for asks in (any_store.size, lambda name: next(any_store.read(name, 0, 9))):
        with pytest.raises(FileNotFoundError):
            asks("2026/03/8.mp3")


def test_recordings_are_fetched_into_s3_and_played_from_there(
    app: Flask, pbx: Simulator, s3: Store, bob: User, client_of: ClientOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setitem(app.extensions, "recordings", s3)
    call = record(pbx)
    row = fetched(call)
    assert s3.size(row.name) == len(sound())
    asked = {"Range": "bytes=100-199"}
    answer = client_of(bob).get(f"/calls/{call.id}/recording", headers=asked)
    assert (answer.status_code, answer.data) == (206, sound()[100:200])


@pytest.fixture(params=["folder", "s3", "silent s3"])
def away(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    """A store that cannot be reached: no folder, a server that is down, one that says nothing."""
    if request.param == "folder":
        file = tmp_path / "no folder"
        file.write_text("")
        yield Store((file / "x").as_uri(), tmp_path)
        return
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1] if request.param == "silent s3" else 9
        for name, value in {
            "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(Store, "answers_in_s", 0.5)
        monkeypatch.setattr(Store, "takes_in_s", 0.5)
        yield Store("s3://sounds/office", tmp_path)


def test_a_store_that_is_away_is_said_and_waited_for(
    app: Flask, pbx: Simulator, away: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.extensions, "recordings", away)
    row = fetched(record(pbx))
    assert (row.state, row.reason) == ("pending", "store")


def test_while_the_store_is_away_the_listener_hears_why_and_the_pbx_deletes_its_own(
    app: Flask, pbx: Simulator, bob: User, dora: User, client_of: ClientOf, away: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    call = record(pbx)
    row = fetched(call)
    monkeypatch.setitem(app.extensions, "recordings", away)
    answer = client_of(bob).get(f"/calls/{call.id}/recording")
    assert answer.status_code == 503
    assert "where recordings are kept cannot be reached" in answer.text
    client_of(dora).post(f"/recordings/{row.id}/delete")
    perform("delete_recording")
    row = the_recording(call)
    assert (row.here_answer, row.pbx_answer) == ("store", "deleted")
    assert row.recording_id in pbx.sounds.deleted


UNDER_GEVENT = """
from gevent import monkey; monkey.patch_all()
import gevent, pathlib, sys
from crm_app.recordings.store import Store
store = Store("s3://sounds/office", pathlib.Path(sys.argv[1]))
path = store.new_file("g.mp3"); path.write_bytes(b"x" * 3_000_000); store.put(path, "g.mp3")
readers = [gevent.spawn(lambda: b"".join(store.read("g.mp3", 0, 3_000_000))) for _ in range(4)]
gevent.joinall(readers, raise_error=True)
print({len(reader.value) for reader in readers})
"""


def test_web_processes_read_it_at_once_under_gevent(s3: Store, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", UNDER_GEVENT, str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (ran.stdout, ran.returncode) == ("{3000000}\n", 0), ran.stderr[-2000:]
