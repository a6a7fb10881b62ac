"""An API that is down, slow, crowded or talks nonsense: left in peace, named, caught up with."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask.testing import FlaskClient
from requests import PreparedRequest, Response
from sqlalchemy import func, select

from crm_app import clock, database
from crm_app.accounts.models import User
from crm_app.callbacks.models import CallBack
from crm_app.calls.models import Call
from crm_app.demo import make_user
from crm_app.extensions import db
from crm_app.jobs.models import Job
from crm_app.jobs.runner import Runner
from crm_app.recordings.models import Recording
from crm_app.serving.jobs import KINDS
from crm_app.simulator.account import FaultKind
from crm_app.simulator.office import Simulator
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.zadarma.client import ZadarmaClient
from tests.owed import perform
from tests.recordings.conftest import pbx, record, store
from tests.telephony.conftest import connected, key

__all__ = ["connected", "key", "pbx", "store"]
# A Monday at noon; Sunday is not compared yet.
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ASKING = (
    "phones", "direct_numbers", "check_pbx", "reconcile", "poll_statistics", "recorded",
    "fetch_recording", "find_warnings",
)  # fmt: skip
OUTAGE, HEALING = timedelta(minutes=4), timedelta(minutes=3)
MINUTE = timedelta(seconds=60)
RECORDINGS, CLIENT = 5, "+351910000077"


@pytest.fixture
def moment(pbx: Simulator) -> Iterator[time_machine.Traveller]:
    """Noon; three colleagues have phones."""
    with time_machine.travel(NOON, tick=False) as traveller:
        for extension in ("101", "102", "103"):
            make_user(f"Agent {extension}", extension=extension)
        TelephonySettings.for_change().connected_at = NOON - timedelta(days=1)
        db.session.commit()
        yield traveller


def work(moment: time_machine.Traveller, length: timedelta) -> None:
    """Let a worker perform what comes due, for so long."""
    runner, end = Runner(kind for kind in KINDS if kind.name in ASKING), clock.now() + length
    runner.arm()
    while clock.now() < end:
        runner.work(lambda: False)
        due = db.session.scalar(select(func.min(Job.due_at)).where(Job.done_at.is_(None)))
        db.session.commit()
        moment.move_to(min(max(due or end, clock.now() + timedelta(seconds=1)), end))


def most_in_a_minute(times: list[datetime]) -> int:
    return max(
        (bisect_right(times, began + MINUTE) - place for place, began in enumerate(times)),
        default=0,
    )


def page_of(browser: FlaskClient, path: str) -> str:
    """Look at a page, and let the test write again."""
    page = browser.get(path).text
    db.session.rollback()
    database.set_reads_only(False)
    return page


@contextmanager
def haste(is_wanted: bool) -> Iterator[None]:
    """Let nobody wait longer for an answer than a twentieth of a second."""
    usual = ZadarmaClient._send

    def send(client: ZadarmaClient, request: PreparedRequest) -> Response:
        client._timeout = (3.0, 0.05)
        return usual(client, request)

    with pytest.MonkeyPatch.context() as patch:
        if is_wanted:
            patch.setattr(ZadarmaClient, "_send", send)
        yield


# A fault is the same on both engines: each is tried on one.
FAULTS: Mapping[str, Sequence[tuple[FaultKind, str]]] = {
    "sqlite": (
        ("slow", "Zadarma did not answer in time."),
        ("html", "Ramal could not read Zadarma&#39;s answer."),
    ),
    "postgresql": (
        ("down", "Zadarma did not answer in time."),
        ("limit", "Too many requests to Zadarma in this minute."),
    ),
}


@pytest.mark.parametrize("place", [0, 1])
def test_it_is_left_in_peace_and_named_and_nothing_is_lost(
    pbx: Simulator,
    moment: time_machine.Traveller,
    alice: User,
    client_of: Callable[[User], FlaskClient],
    engine_name: str,
    place: int,
) -> None:
    fault, words = FAULTS[engine_name][place]
    browser = client_of(alice)
    work(moment, timedelta(minutes=1))
    calls = [record(pbx, ago=timedelta()) for _ in range(RECORDINGS)]
    ids = [call.id for call in calls]
    db.session.commit()
    pbx.inject(fault, seconds={"slow": 0.1, "limit": 10.0}.get(fault, 0.0))
    # Its notifications go nowhere, either.
    pbx.play("in-missed-cancel", client=CLIENT)
    began = len(pbx.api_calls)
    # Whoever is healthy may be slow: where this runs a twentieth of a second is soon over.
    with haste(fault == "slow"):
        work(moment, OUTAGE)
    asked = pbx.api_calls[began:]
    minutes = OUTAGE / MINUTE
    # A phone three times a minute, a recording six times, the statistics every two minutes.
    assert len(asked) <= 10 * minutes + 10
    assert most_in_a_minute([call.at for call in asked]) <= 20
    of_statistics = [call.at for call in asked if "statistics" in call.path]
    assert 0 < len(of_statistics) <= minutes / 2 + 1
    assert words in page_of(browser, "/telephony/health")
    assert db.session.scalars(select(Recording.state).distinct()).all() == ["pending"]
    db.session.commit()
    pbx.heal()
    work(moment, HEALING)
    states = select(Recording.state).where(Recording.call_id.in_(ids))
    assert db.session.scalars(states).all() == ["ready"] * RECORDINGS
    assert set(pbx.sounds.fetched.values()) == {1}
    missed = select(func.count(Call.id)).where(Call.outside_number == CLIENT)
    assert db.session.scalar(missed) == 1
    db.session.commit()
    perform("call_back")
    assert db.session.scalars(select(CallBack.number)).all() == [CLIENT]
    db.session.commit()
    assert words not in page_of(browser, "/telephony/health")
    assert most_in_a_minute([call.at for call in pbx.api_calls]) <= 100
    of_statistics = [call.at for call in pbx.api_calls if "/v1/statistics/" in call.path]
    assert most_in_a_minute(of_statistics) <= 3
