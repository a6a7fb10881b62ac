"""Pulling the plug in the middle of a stream of calls loses nothing that was acknowledged."""

import http.client
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests.patience import wait_until
from tests.postgres import Postgres
from tests.serving.copied import copy_of
from tests.serving.posted import (
    TAKEN_IN_WITHIN_S,
    House,
    a_writer_of_another_process,
    connect_pbx,
    post,
)
from tests.serving.running import Office, flask

pytestmark = [pytest.mark.processes, pytest.mark.unhurried]
SETTINGS = {"SECRET_KEY": "k" * 40, "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8"}
WRITERS = 4
ENOUGH = 100


class Caller(threading.Thread):
    """Posts signed notifications one after the other and remembers which were acknowledged."""

    def __init__(self, port: int, name: str, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.port, self.prefix, self.stop = port, name, stop
        self.acknowledged: list[str] = []
        self.answers: list[int] = []

    def run(self) -> None:
        # Closed whichever way it ends: told to stop, or cut off when the plug is pulled.
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            number = 0
            while not self.stop.is_set():
                number += 1
                call_id = f"in_{self.prefix}{number:06d}"
                try:
                    status = post(connection, call_id)
                except (OSError, http.client.HTTPException):
                    return
                self.answers.append(status)
                if status == 200:
                    self.acknowledged.append(call_id)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The database of an office that the PBX is connected to, for tests to copy."""
    folder = tmp_path_factory.mktemp("model") / "data"
    address = f"sqlite:///{folder / 'ramal.db'}"
    if request.param == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        address = postgres.new_database()
    settings = SETTINGS | {"DATABASE_URL": address}
    upgraded = flask(folder, "db", "upgrade", **settings)
    assert upgraded.returncode == 0, upgraded.stderr
    connect_pbx(folder, **settings)
    return address


@pytest.fixture
def settings(model: str, postgres: Postgres, tmp_path: Path) -> dict[str, str]:
    """Those of an office of the test's own, whose database is to survive."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return SETTINGS | {"DATABASE_URL": copy_of(model, folder / "ramal.db", postgres)}


def test_it_keeps_every_acknowledged_fact_through_kill_9(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    with Office(tmp_path / "data", **settings) as office:
        house = House(office, settings["DATABASE_URL"])
        stop = threading.Event()
        callers = [Caller(office.port, str(index), stop) for index in range(WRITERS)]
        for caller in callers:
            caller.start()
        wait_until(
            lambda: sum(len(caller.acknowledged) for caller in callers) >= ENOUGH,
            lambda: office.output, seconds=60,
        )  # fmt: skip
        office.kill_everything()
        stop.set()
        for caller in callers:
            caller.join(60)
    assert {status for caller in callers for status in caller.answers} == {200}
    acknowledged = {call for caller in callers for call in caller.acknowledged}
    with Office(tmp_path / "data", **settings) as office:
        # What the database had not taken in yet is taken in by those who have just started.
        wait_until(
            lambda: acknowledged <= set(house.stored()),
            lambda: (acknowledged - set(house.stored()), office.output), seconds=60,
        )  # fmt: skip
        # What was folded before the plug was pulled is the same when all is folded again.
        rebuilt = flask(tmp_path / "data", "calls", "rebuild", **settings)
        assert rebuilt.returncode == 0, rebuilt.stderr
        assert len(acknowledged) >= ENOUGH
        assert office.get("/healthz")[0] == 200


@pytest.mark.parametrize("point", ["before the database is back", "while it is taken in"])
def test_kill_9_between_the_spool_and_the_database_loses_and_doubles_nothing(
    tmp_path: Path, settings: dict[str, str], point: str
) -> None:
    with Office(tmp_path / "data", **settings) as office:
        house = House(office, settings["DATABASE_URL"])
        with a_writer_of_another_process(house):
            house.ring(200, pause=0)
            if point == "before the database is back":
                office.kill_everything()
        if point == "while it is taken in":
            wait_until(house.stored, "nothing is taken in", seconds=TAKEN_IN_WITHIN_S)
            office.kill_everything()
    with Office(tmp_path / "data", **settings) as office:
        house.office = office
        house.wait_until_stored()
