"""`flask serve` with real processes: one command starts everything and ends everything."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from tests.patience import wait_until
from tests.serving.administrator import become_administrator
from tests.serving.running import Office, flask, is_running

pytestmark = [pytest.mark.processes, pytest.mark.unhurried]


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One running office that its tests leave as they found it."""
    with Office(tmp_path_factory.mktemp("serve") / "data") as running:
        yield running


def test_it_serves_and_says_that_all_parts_are_ready(office: Office) -> None:
    assert office.get("/healthz") == (200, "ok\n")
    assert office.ready() == dict.fromkeys(("database", "migrations", "event_bus", "worker"), "ok")


def test_it_keeps_its_folder_and_the_bus_to_itself(office: Office) -> None:
    run = office.data_dir / "run"
    assert run.stat().st_mode & 0o777 == 0o700
    assert (run / "valkey.sock").stat().st_mode & 0o777 == 0o600
    assert (office.data_dir / "secret_key").stat().st_mode & 0o777 == 0o600


def test_it_lets_nobody_else_read_what_it_keeps(office: Office) -> None:
    assert os.umask(0o022) == 0o022, "this test needs the usual umask"
    modes = {}
    for path in [office.data_dir, *office.data_dir.rglob("*")]:
        # The office works meanwhile: a file may go before it is looked at.
        with suppress(FileNotFoundError):
            modes[str(path.relative_to(office.data_dir))] = path.stat().st_mode
    assert "ramal.db" in modes
    assert not {name: oct(mode) for name, mode in modes.items() if mode & 0o077}


def test_it_refuses_a_second_office_on_the_same_folder(office: Office) -> None:
    second = flask(office.data_dir, "serve")
    assert second.returncode == 1
    assert f"already running on {office.data_dir} (process {office.process.pid})" in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1
    assert office.get("/healthz")[0] == 200


def test_it_says_who_has_the_port(office: Office, tmp_path: Path) -> None:
    second = flask(tmp_path / "data", "serve", BIND=f"127.0.0.1:{office.port}")
    assert second.returncode == 1
    assert f"port {office.port} is in use by" in second.stderr
    assert "BIND=127.0.0.1:" in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("part", ["-m gunicorn", "-m flask worker", "valkey-server"])
def test_it_starts_a_killed_part_again(office: Office, part: str) -> None:
    old = office.child(part)
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: not is_running(old), "the killed part ends")
    wait_until(lambda: any(part in line for line in office.children().values()), "it comes back")
    office.wait_until_ready()
    assert office.child(part) != old


def test_it_starts_a_killed_web_process_again(office: Office) -> None:
    master = office.child("-m gunicorn")
    web = [pid for pid, command in office.children().items() if "gunicorn" in command]
    web.remove(master)
    os.kill(web[0], signal.SIGKILL)
    wait_until(lambda: not is_running(web[0]), "the killed process ends")
    office.wait_until_ready()
    assert office.child("-m gunicorn") == master


def test_it_lets_the_first_administrator_in_and_keeps_them(tmp_path: Path) -> None:
    with Office(tmp_path / "data") as office:
        link = office.wait_for(r"(http://\S+/setup/\S+)")
        browser = become_administrator(office, link)
        home = f"http://127.0.0.1:{office.port}/contacts"
        assert browser.get(home, timeout=30, allow_redirects=False).status_code == 200
        assert requests.get(link, timeout=30).status_code != 200
        office.stop()
    with Office(tmp_path / "data") as office:
        assert "/setup/" not in office.output
        # The session outlives the restart, because its key is kept in the data folder.
        again = f"http://127.0.0.1:{office.port}/contacts"
        assert browser.get(again, timeout=30, allow_redirects=False).status_code == 200


def test_it_leaves_no_process_when_it_is_killed_itself(tmp_path: Path) -> None:
    with Office(tmp_path / "data") as office:
        assert len(office.children()) >= 4
        os.kill(office.process.pid, signal.SIGKILL)
        office.process.wait(60)
        wait_until(lambda: not office.survivors(), f"{office.survivors()} survive")
    with Office(tmp_path / "data") as office:
        assert office.get("/healthz")[0] == 200


def test_it_works_in_a_folder_with_a_very_long_path(tmp_path: Path) -> None:
    with Office(tmp_path / ("deep" * 25) / "data") as office:
        assert office.ready()["event_bus"] == "ok"
