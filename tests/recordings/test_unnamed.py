"""Recordings that the PBX has not named, names late, or has under another id, are had as well."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.fold.facts import Disposition, Fact, FactKind
from crm_app.calls.models import Call
from crm_app.calls.store import ledger
from crm_app.extensions import db
from crm_app.recordings import deleting
from crm_app.recordings.models import Recording, State
from crm_app.recordings.source import Reason
from crm_app.simulator.office import Simulator
from crm_app.telephony import services
from tests.owed import perform
from tests.recordings.conftest import CLIENT, fetched, note_in_pbx, record, the_recording

ClientOf = Callable[[User], FlaskClient]
CALL, NAME, OTHER_NAME = "in_unnamed", "1772442907.1", "1772442999.2"
OF_ANOTHER_LIST = "65a1b2c3d4e5f60718293a4b"


def tell(*facts: Fact) -> Call:
    """Let the PBX say something of the call; commits."""
    ids = [ledger.record(db.session.connection(), fact, "").call_id for fact in facts]
    db.session.commit()
    return db.session.get_one(Call, ids[0], populate_existing=True)


def the_end(name: str = "", last: str = "101") -> Fact:
    """A talk of two minutes ago that was recorded."""
    at = clock.now() - timedelta(minutes=2)
    return Fact(
        FactKind.ENDED, CALL, at, caller=CLIENT, did="+351210000001", extension="101",
        last_extension=last, disposition=Disposition.ANSWERED, talk_seconds=60, is_recorded=True,
        recording_id=name,
    )  # fmt: skip


def named(name: str) -> Fact:
    """The PBX has a file of the call."""
    return Fact(FactKind.RECORDED, CALL, clock.now(), recording_id=name)


def answered(extension: str) -> Fact:
    """A colleague has the call."""
    at = clock.now() - timedelta(minutes=3)
    return Fact(FactKind.ANSWERED, CALL, at, caller=CLIENT, extension=extension)


@pytest.fixture
def nameless_links(pbx: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no file have an id in its name."""
    usual = pbx.history.make_link

    def make(recording_id: str, until: datetime, started: datetime) -> str:
        return usual(recording_id, until, started).rpartition("/")[0] + "/recording.mp3"

    monkeypatch.setattr(pbx.history, "make_link", make)


def test_a_recording_without_a_name_is_on_its_way_until_it_is_here(
    pbx: Simulator, bob: User, client_of: ClientOf
) -> None:
    call = tell(the_end())
    perform("recorded")
    browser = client_of(bob)
    page = browser.get(f"/calls/{call.id}/players").text
    assert 'data-recording-state="pending"' in page
    assert "not recorded" not in page
    assert "The recording is on its way" in browser.get("/calls").text
    perform("fetch_recording")
    assert (the_recording(call).state, the_recording(call).reason) == ("pending", "not_there")
    note_in_pbx(pbx, CALL, NAME)
    perform("fetch_recording")
    row = the_recording(call)
    assert (row.state, row.pbx_id) == (State.READY, NAME)
    # The log knows its name now, and nothing more follows from that.
    perform("recorded", "fetch_recording")
    assert the_recording(call).id == row.id
    db.session.refresh(call)
    assert [one.recording_id for one in call.recordings] == [NAME]
    deleting.delete_by_hand(the_recording(call), bob)
    db.session.commit()
    perform("delete_recording")
    assert the_recording(call).pbx_answer == "deleted"
    assert pbx.sounds.deleted == {NAME}


@pytest.mark.usefixtures("nameless_links")
def test_one_whose_link_has_no_name_either_is_taken_for_that_of_the_call(
    pbx: Simulator, bob: User
) -> None:
    call = tell(the_end())
    note_in_pbx(pbx, CALL, NAME)
    perform("recorded", "fetch_recording")
    assert (the_recording(call).state, the_recording(call).pbx_id) == (State.READY, "")
    deleting.delete_by_hand(the_recording(call), bob)
    db.session.commit()
    perform("delete_recording")
    assert (the_recording(call).here_answer, the_recording(call).pbx_answer) == (
        "deleted", "wrong_id",
    )  # fmt: skip
    tell(named(NAME))
    perform("recorded", "delete_recording")
    assert the_recording(call).pbx_answer == "deleted"


def test_one_that_never_comes_says_so_and_is_asked_for_once_it_is_named(
    pbx: Simulator, bob: User, client_of: ClientOf
) -> None:
    call = tell(the_end())
    perform("recorded")
    with time_machine.travel(clock.now(), tick=False) as traveller:
        for _try in range(20):
            traveller.shift(timedelta(days=1))
            perform("fetch_recording")
    row = the_recording(call)
    assert (row.state, row.reason) == (State.FAILED, Reason.GONE)
    assert "no longer" in client_of(bob).get(f"/calls/{call.id}/players").text
    note_in_pbx(pbx, CALL, NAME)
    tell(named(NAME))
    perform("recorded", "fetch_recording")
    assert (the_recording(call).id, the_recording(call).state) == (row.id, State.READY)


def test_one_that_was_deleted_before_it_had_a_name_is_deleted_in_the_pbx(
    pbx: Simulator, bob: User
) -> None:
    call = tell(the_end())
    perform("recorded")
    deleting.delete_by_hand(the_recording(call), bob)
    db.session.commit()
    perform("delete_recording")
    assert the_recording(call).pbx_answer == "nothing"
    note_in_pbx(pbx, CALL, NAME)
    tell(named(NAME))
    perform("recorded", "delete_recording")
    assert (the_recording(call).state, the_recording(call).pbx_answer) == ("deleted", "deleted")
    assert pbx.sounds.deleted == {NAME}


def test_without_copies_it_can_be_fetched_by_hand(
    pbx: Simulator, bob: User, client_of: ClientOf
) -> None:
    services.set_switches({"record_copies": "off"})
    db.session.commit()
    call = tell(the_end())
    note_in_pbx(pbx, CALL, NAME)
    perform("recorded")
    browser = client_of(bob)
    assert "of which no copy was made" in browser.get(f"/calls/{call.id}/players").text
    browser.post(f"/calls/{call.id}/fetch-recordings")
    perform("fetch_recording")
    assert the_recording(call).state == State.READY


def test_what_is_switched_off_is_not_fetched_but_by_hand(
    pbx: Simulator, bob: User, client_of: ClientOf
) -> None:
    call = record(pbx)
    perform("recorded")
    services.set_switches({"record_copies": "off"})
    db.session.commit()
    perform("fetch_recording")
    row = the_recording(call)
    assert (row.state, row.reason) == (State.FAILED, Reason.SWITCHED_OFF)
    assert pbx.api_calls == []
    client_of(bob).post(f"/recordings/{row.id}/try-again")
    perform("fetch_recording")
    assert the_recording(call).state == State.READY


def test_a_colleague_who_got_the_call_has_a_file_that_its_end_does_not_name(pbx: Simulator) -> None:
    for name in (NAME, OTHER_NAME):
        note_in_pbx(pbx, CALL, name)
    call = tell(answered("101"), answered("103"), the_end(NAME, last="103"))
    for _turn in range(2):
        perform("recorded", "look_for_recordings")
    perform("fetch_recording")
    rows = db.session.scalars(Recording.of(call.id)).all()
    assert [(row.pbx_id, row.state) for row in rows] == [(NAME, "ready"), (OTHER_NAME, "ready")]


def test_a_talk_of_one_colleague_is_not_looked_through_for_more(pbx: Simulator) -> None:
    note_in_pbx(pbx, CALL, NAME)
    tell(answered("101"), the_end(NAME))
    perform("recorded", "look_for_recordings", "fetch_recording")
    assert len(pbx.api_calls) == 1


def test_one_of_another_list_is_deleted_by_the_id_in_its_link(pbx: Simulator, bob: User) -> None:
    call = record(None, name=OF_ANOTHER_LIST)
    note_in_pbx(pbx, call.pbx_call_id, NAME)
    row = fetched(call)
    assert (row.recording_id, row.pbx_id) == (OF_ANOTHER_LIST, NAME)
    deleting.delete_by_hand(row, bob)
    db.session.commit()
    perform("delete_recording")
    assert the_recording(call).pbx_answer == "deleted"
    assert pbx.sounds.deleted == {NAME}


def test_of_one_that_was_never_fetched_the_pbx_is_asked_by_its_call(
    pbx: Simulator, bob: User
) -> None:
    call = record(None, name=OF_ANOTHER_LIST)
    assert fetched(call).reason == Reason.WRONG_ID
    note_in_pbx(pbx, call.pbx_call_id, NAME)
    deleting.delete_by_hand(the_recording(call), bob)
    db.session.commit()
    perform("delete_recording")
    assert pbx.sounds.deleted == {NAME}


def test_what_could_not_be_fetched_goes_when_its_time_is_over_here_and_in_the_pbx(
    pbx: Simulator, bob: User
) -> None:
    old = timedelta(days=50)
    failed, held = fetched(record(pbx, "html", ago=old)), fetched(record(pbx, "gone", ago=old))
    awaited, new = record(pbx, ago=old), record(pbx)
    perform("recorded")
    failed.state, failed.reason = State.FAILED, Reason.NOT_AUDIO
    deleting.hold(held, "A dispute", bob)
    services.set_switches({"retention_days": 30})
    db.session.commit()
    perform("retire_recordings")
    perform("delete_recording")
    assert the_recording(awaited).state == State.DELETED
    assert the_recording(new).state == State.PENDING
    assert held.recording_id not in pbx.sounds.deleted
    gone = {failed.recording_id, the_recording(awaited).recording_id}
    assert pbx.sounds.deleted == gone
    states = dict(db.session.execute(select(Recording.recording_id, Recording.state)).all())
    assert {name for name, state in states.items() if state == "deleted"} == gone
