"""A day of recordings that come late, never or as rubbish: each ends alone, none comes twice."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import func, select

from crm_app.calls.fold.facts import Disposition, Fact, FactKind
from crm_app.calls.store import ledger
from crm_app.clock import now
from crm_app.extensions import db
from crm_app.jobs.models import Job
from crm_app.recordings.models import Recording
from crm_app.recordings.source import Reason
from crm_app.recordings.store import Store
from crm_app.simulator.office import Simulator
from crm_app.simulator.sounds import Plan, SoundKind
from crm_app.telephony import connection
from tests.recordings.conftest import note_in_pbx
from tests.recordings.test_fetching import work

NIGHT = datetime(2026, 3, 2, 22, 0, tzinfo=UTC)


def plan_of(number: int) -> tuple[SoundKind, int, Reason | None]:
    """What becomes of a recording: 20 % fail at first, 5 % for ever, 4 % are something else."""
    if number % 20 == 7:
        return "never", 0, Reason.GONE
    rubbish: dict[int, tuple[SoundKind, Reason]] = {
        13: ("html", Reason.NOT_AUDIO), 38: ("json", Reason.NOT_AUDIO),
        63: ("empty", Reason.EMPTY), 88: ("rubbish", Reason.NOT_AUDIO),
    }  # fmt: skip
    if number % 100 in rubbish:
        kind, reason = rubbish[number % 100]
        return kind, 0, reason
    return "sound", 1 + number % 3 if number % 5 == 1 else 0, None


def test_all_recordings_of_a_day_end_ready_or_failed_with_their_own_reason(
    pbx: Simulator, store: Store, engine_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It holds for a thousand, too, and takes minutes then.
    count = 200 if engine_name == "sqlite" else 100
    # The limits of the API would only make it longer.
    monkeypatch.setattr(connection, "_take", lambda *_: True)
    pbx.api._all.limit = 1_000_000
    with time_machine.travel(NIGHT, tick=False) as traveller:
        for number in range(count):
            name, call = f"17720{number:05}.{number}", f"in_day{number:04}"
            kind, fails, _reason = plan_of(number)
            note_in_pbx(pbx, call, name)
            pbx.sounds.plan(name, Plan(kind, timedelta(seconds=40), fails))
            fact = Fact(
                FactKind.ENDED, call, now(), caller="+351910000042", extension="101",
                disposition=Disposition.ANSWERED, talk_seconds=9, is_recorded=True,
                recording_id=name,
            )  # fmt: skip
            ledger.record(db.session.connection(), fact, "")
        db.session.commit()
        work()
        is_open = (Job.kind == "fetch_recording", Job.done_at.is_(None))
        while (due := db.session.scalar(select(func.min(Job.due_at)).where(*is_open))) is not None:
            db.session.commit()
            traveller.move_to(max(due, now()) + timedelta(seconds=1))
            work()
    rows = db.session.scalars(select(Recording).order_by(Recording.recording_id)).all()
    wanted = [plan_of(number)[2] for number in range(count)]
    assert [row.reason or None for row in rows] == wanted
    states = Counter(row.state for row in rows)
    assert states == {"ready": wanted.count(None), "failed": count - wanted.count(None)}
    for row, reason in zip(rows, wanted, strict=True):
        if reason is None:
            assert pbx.sounds.fetched[row.recording_id] == 1
            assert store.size(row.name) == row.size
    assert not list(store.new_file("x").parent.iterdir())
