"""A recording is fetched once it is ready, however late, and what cannot be had says why."""

import hashlib
from datetime import UTC, datetime, timedelta
from itertools import accumulate

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from crm_app.calls.fold.facts import Disposition, Fact, FactKind
from crm_app.calls.models import Call
from crm_app.calls.store import ledger
from crm_app.clock import now
from crm_app.extensions import db
from crm_app.jobs.models import Job
from crm_app.jobs.runner import Runner
from crm_app.recordings import fetching
from crm_app.recordings.models import Recording, State
from crm_app.recordings.source import Reason
from crm_app.recordings.store import Store
from crm_app.serving import recordings
from crm_app.serving.jobs import KINDS
from crm_app.simulator.office import Simulator
from crm_app.simulator.sounds import SoundKind, sound
from crm_app.telephony import services
from tests.owed import perform
from tests.recordings.conftest import fetched, note_in_pbx, record, the_recording

MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def work() -> None:
    """Perform what is due now, and nothing else."""
    Runner(KINDS).work(lambda: False)


def wait_for_the_end(pbx: Simulator, call: Call, traveller: time_machine.Traveller) -> list[float]:
    """Let time pass from try to try until there is none more; gives when each was, in seconds."""
    began, tries = now(), []
    while (due := db.session.scalar(select(Job.due_at).filter_by(kind="fetch_recording",
                                                                 done_at=None))):  # fmt: skip
        db.session.commit()
        traveller.move_to(max(due, now()))
        tries.append((now() - began).total_seconds())
        work()
    db.session.commit()
    return tries


def test_a_recording_is_fetched_examined_and_put_in_its_place(pbx: Simulator, store: Store) -> None:
    row = fetched(record(pbx))
    assert (row.state, row.reason, row.size) == (State.READY, "", len(sound()))
    assert row.sha256 == hashlib.sha256(sound()).hexdigest()
    assert b"".join(store.read(row.name, 0, row.size)) == sound()
    assert row.seconds == pytest.approx(16.27, abs=0.01)
    assert 900 < len(row.peaks) <= 1_000
    assert max(row.peaks) > 50
    assert row.media_type == "audio/mpeg"


def test_it_asks_after_forty_sixty_ninety_and_a_hundred_and_twenty_seconds(
    pbx: Simulator,
) -> None:
    with time_machine.travel(MORNING, tick=False) as traveller:
        call = record(pbx, ago=timedelta(), ready_after=timedelta(seconds=100))
        work()
        assert the_recording(call).state == State.PENDING
        assert wait_for_the_end(pbx, call, traveller) == [40, 60, 90, 120]
        assert the_recording(call).state == State.READY


def test_it_gives_up_within_three_days_what_never_comes(pbx: Simulator) -> None:
    with time_machine.travel(MORNING, tick=False) as traveller:
        call = record(pbx, "never", ago=timedelta())
        work()
        tries = wait_for_the_end(pbx, call, traveller)
        row = the_recording(call)
        assert (row.state, row.reason) == (State.FAILED, Reason.GONE)
        assert tries == list(accumulate(fetching.PAUSES_S))
        assert timedelta(days=2) < timedelta(seconds=tries[-1]) < timedelta(days=3)


@pytest.mark.parametrize(
    ("kind", "reason", "tries"),
    [
        ("html", Reason.NOT_AUDIO, 4), ("json", Reason.NOT_AUDIO, 4),
        ("rubbish", Reason.NOT_AUDIO, 4), ("empty", Reason.EMPTY, 4),
        ("missing", Reason.GONE, len(fetching.PAUSES_S)), ("gone", Reason.GONE, 1),
    ],
)  # fmt: skip
def test_what_is_no_sound_never_becomes_a_recording_and_says_what_it_is(
    pbx: Simulator, store: Store, kind: SoundKind, reason: Reason, tries: int
) -> None:
    with time_machine.travel(MORNING, tick=False) as traveller:
        call = record(pbx, kind, ago=timedelta())
        work()
        assert len(wait_for_the_end(pbx, call, traveller)) == tries
        row = the_recording(call)
        assert (row.state, row.reason, row.name) == (State.FAILED, reason, "")
        assert not list(store.new_file("x").parent.iterdir())


@pytest.mark.parametrize(
    "content_type",
    ["application/octet-stream", "application/force-download", "audio/x-wav", "video/mpeg", ""],
)
def test_its_bytes_say_that_it_is_a_sound_whatever_its_type_is_said_to_be(
    pbx: Simulator, monkeypatch: pytest.MonkeyPatch, content_type: str
) -> None:
    call = record(pbx)
    monkeypatch.setattr(pbx.sounds, "body", lambda _name: (sound(), content_type, 200))
    assert fetched(call).state == State.READY


def test_a_page_that_begins_like_a_sound_is_none(
    pbx: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = record(pbx)
    monkeypatch.setattr(
        pbx.sounds, "body", lambda _name: (sound(), "Text/HTML; charset=utf-8", 200)
    )
    assert fetched(call).reason == Reason.NOT_AUDIO


def test_it_asks_once_more_by_hand_after_it_had_given_up(pbx: Simulator) -> None:
    call = record(pbx, "gone")
    assert fetched(call).state == State.FAILED
    pbx.sounds.plan(the_recording(call).recording_id, pbx.sounds.usual)
    fetching.try_again(the_recording(call))
    db.session.commit()
    work()
    assert the_recording(call).state == State.READY


def test_one_that_is_too_large_is_not_kept(
    pbx: Simulator, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "MOST_BYTES", 10_000)
    row = fetched(record(pbx))
    assert (row.state, row.reason) == (State.FAILED, Reason.TOO_LARGE)
    assert not list(store.new_file("x").parent.iterdir())


def test_an_id_of_the_plain_statistics_is_wrong_and_never_means_that_it_is_gone(
    pbx: Simulator,
) -> None:
    row = fetched(record(None, name="65a1b2c3d4e5f60718293a4b"))
    assert (row.state, row.reason) == (State.FAILED, Reason.WRONG_ID)


def test_under_a_wrong_id_it_takes_the_recording_that_the_call_has(pbx: Simulator) -> None:
    call = record(None, name="65a1b2c3d4e5f60718293a4b")
    note_in_pbx(pbx, call.pbx_call_id, "1772442907.1")
    assert fetched(call).state == State.READY


def test_a_recording_that_the_end_does_not_name_is_looked_for(pbx: Simulator) -> None:
    fact = Fact(
        FactKind.ENDED, "in_unnamed", now(), caller="+351910000042", extension="101",
        disposition=Disposition.ANSWERED, talk_seconds=9, is_recorded=True,
    )  # fmt: skip
    call_id = ledger.record(db.session.connection(), fact, "").call_id
    db.session.commit()
    for name in ("1772442907.1", "1772442999.2"):
        note_in_pbx(pbx, "in_unnamed", name)
    for _turn in range(3):
        perform("recorded", "fetch_recording")
    rows = db.session.scalars(Recording.of(call_id)).all()
    assert [row.pbx_id for row in rows] == ["1772442907.1", "1772442999.2"]
    assert {row.state for row in rows} == {State.READY}
    assert db.session.get_one(Call, call_id).recording_count == 2


def test_a_recording_that_is_told_twice_is_fetched_once(pbx: Simulator) -> None:
    call = record(pbx)
    name = fetched(call).recording_id
    again = Fact(FactKind.RECORDED, call.pbx_call_id, now(), recording_id=name)
    ledger.record(db.session.connection(), again, "")
    db.session.commit()
    fetched(call)
    assert pbx.sounds.fetched[name] == 1


@pytest.mark.parametrize("fault", ["down", "error", "limit", "limit200", "html"])
def test_a_pbx_that_does_not_answer_costs_a_recording_nothing_but_time(
    pbx: Simulator, fault: str
) -> None:
    with time_machine.travel(MORNING, tick=False) as traveller:
        call = record(pbx)
        pbx.inject(fault, path="/v1/pbx/record/", times=30)  # type: ignore[arg-type]
        work()
        for _try in range(30):
            assert the_recording(call).state == State.PENDING
            traveller.shift(timedelta(hours=1))
            work()
        row = the_recording(call)
        assert (row.state, row.tries) == (State.READY, 0)


def test_a_full_disk_is_said_and_waited_for(
    pbx: Simulator, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with time_machine.travel(MORNING, tick=False) as traveller:
        call = record(pbx)
        with monkeypatch.context() as patched:
            patched.setattr(Store, "put", full)
            row = fetched(call)
            assert (row.state, row.reason) == (State.PENDING, Reason.DISK_FULL)
        traveller.shift(timedelta(hours=1))
        work()
        assert the_recording(call).state == State.READY


def test_an_old_call_that_the_pbx_has_dropped_is_asked_for_twice(pbx: Simulator) -> None:
    with time_machine.travel(MORNING, tick=False) as traveller:
        call = record(pbx, "never", ago=timedelta(days=20))
        work()
        # The first try is over at once.
        assert len(wait_for_the_end(pbx, call, traveller)) == fetching.TRIES_OF_OLD - 1
        assert the_recording(call).reason == Reason.GONE


def test_with_the_switch_off_nothing_is_noted_and_nothing_asked(pbx: Simulator) -> None:
    services.set_switches({"record_copies": "off"})
    db.session.commit()
    record(pbx)
    perform("recorded")
    perform("fetch_recording")
    assert db.session.scalars(select(Recording)).all() == []
    assert pbx.api_calls == []


def test_one_process_fetches_one_at_a_time(pbx: Simulator) -> None:
    call = record(pbx)
    perform("recorded")
    with recordings._is_fetching:
        perform("fetch_recording")
        assert the_recording(call).state == State.PENDING
    perform("fetch_recording")
    assert the_recording(call).state == State.READY


def test_links_lead_to_the_pbx_or_nowhere(app: Flask, pbx: Simulator) -> None:
    call = record(pbx)
    pbx.api._office = type(pbx.api._office)(
        pbx.account, pbx.history, pbx.sounds, lambda *_: None, lambda: "https://elsewhere.example"
    )
    row = fetched(call)
    assert (row.state, row.reason) == (State.PENDING, Reason.BAD_LINK)
    assert not pbx.sounds.fetched
