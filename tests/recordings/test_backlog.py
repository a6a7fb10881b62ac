"""A backlog of recordings takes its share of the PBX's minute, and keeps nobody else busy."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls import audience
from crm_app.calls.models import Call
from crm_app.extensions import db
from crm_app.jobs.models import Job
from crm_app.jobs.runner import Runner
from crm_app.recordings import deleting
from crm_app.recordings.models import Recording, State
from crm_app.serving import recordings
from crm_app.serving.jobs import KINDS
from crm_app.simulator.office import Simulator
from crm_app.telephony.models import PhoneState, TelephonySettings
from tests.owed import perform
from tests.recordings.conftest import record

ClientOf = Callable[[User], FlaskClient]
AWAITED, SHARE = 45, 30


@pytest.fixture
def announced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The calls of which screens heard that they have changed."""
    heard: list[int] = []
    usual = audience.announce_in_lists

    def announce(call: Call) -> None:
        heard.append(call.id)
        usual(call)

    monkeypatch.setattr(audience, "announce_in_lists", announce)
    return heard


def await_many() -> None:
    """Let more recordings be awaited than the PBX is asked for in a minute."""
    for _ in range(AWAITED):
        record(ago=timedelta(days=1))
    perform("recorded")


def work(name: str) -> None:
    """Perform what is due now of one kind."""
    Runner([kind for kind in KINDS if kind.name == name]).work(lambda: False)


def due_now(name: str) -> int:
    """How many jobs of a kind are due."""
    found = select(func.count(Job.id)).where(
        Job.kind == name, Job.done_at.is_(None), Job.due_at <= clock.now()
    )
    count = db.session.scalar(found)
    db.session.commit()
    return count or 0


def test_people_call_and_phones_are_known_while_recordings_wait(
    pbx: Simulator, bob: User, client_of: ClientOf
) -> None:
    settings = TelephonySettings.for_change()
    settings.extensions_json, settings.extensions_at = json.dumps(["101", "103"]), clock.now()
    db.session.commit()
    await_many()
    work("fetch_recording")
    assert len(pbx.api_calls) == SHARE
    clicked = client_of(bob).post(
        "/telephony/dial", data={"number": "+351910000123"}, headers={"HX-Request": "true"}
    )
    assert "Too many requests" not in clicked.text
    assert pbx.api_calls[-1].path == "/v1/request/callback/"
    db.session.rollback()
    perform("phones")
    assert None not in db.session.scalars(select(PhoneState.is_registered)).all()


def test_once_one_is_refused_for_want_of_room_the_others_wait_without_a_word(
    pbx: Simulator, announced: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    await_many()
    announced.clear()
    kept: list[object] = []
    usual = recordings.fetching.keep
    monkeypatch.setattr(
        recordings.fetching, "keep", lambda *given: kept.append(given) or usual(*given)
    )
    work("fetch_recording")
    # Those that were asked for, and the first that was not.
    assert len(kept) == len(announced) == SHARE + 1
    assert due_now("fetch_recording") == 0
    perform("fetch_recording")
    # Nobody is told again of what is as it was.
    assert (len(kept), len(announced)) == (SHARE + 2, SHARE + 2)
    perform("fetch_recording")
    assert len(announced) <= SHARE + 3
    untouched = select(func.count(Recording.id)).where(Recording.reason == "")
    assert (db.session.scalar(untouched) or 0) >= AWAITED - SHARE - 3


def test_a_hundred_deletions_ask_once_that_there_is_no_room(pbx: Simulator, dora: User) -> None:
    await_many()
    for row in db.session.scalars(select(Recording)).all():
        deleting.delete_by_hand(row, dora)
    db.session.commit()
    work("delete_recording")
    answers = db.session.scalars(select(Recording.pbx_answer)).all()
    assert sorted(set(answers)) == ["", "busy", "nothing"]
    assert answers.count("busy") == 1
    assert due_now("delete_recording") == 0
    assert set(db.session.scalars(select(Recording.state))) == {State.DELETED}
