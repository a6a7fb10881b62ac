"""An office joined to a played PBX that has recordings, and a folder for its sound files."""

import itertools
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from crm_app import clock
from crm_app.calls.fold.facts import Disposition, Fact, FactKind
from crm_app.calls.models import Call
from crm_app.calls.store import ledger
from crm_app.extensions import db
from crm_app.recordings.models import Recording
from crm_app.recordings.store import Store
from crm_app.simulator.office import Simulator
from crm_app.simulator.sounds import Plan, SoundKind
from tests.owed import perform
from tests.telephony.conftest import SECRET, connected, key, use_api

__all__ = ["connected", "key"]
CLIENT = "+351910000042"
Recorded = Callable[..., Recording]
_numbers = itertools.count(1)


@pytest.fixture
def store(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty folder for sound files."""
    folder = Store((tmp_path / "recordings").as_uri(), tmp_path)
    monkeypatch.setitem(app.extensions, "recordings", folder)
    return folder


@pytest.fixture
def pbx(
    connected: Flask, key: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Simulator]:
    """The PBX that the office is joined to."""
    with Simulator(key, SECRET) as simulator:
        use_api(connected, simulator.url, monkeypatch)
        yield simulator
        assert not simulator.errors


def record(
    pbx: Simulator | None = None,
    kind: SoundKind = "sound",
    *,
    extension: str = "101",
    did: str = "351210000001",
    ago: timedelta = timedelta(minutes=2),
    name: str = "",
    fails: int = 0,
    ready_after: timedelta = timedelta(),
    client: str = CLIENT,
) -> Call:
    """Let a talk be over that was recorded, in the PBX and here; commits."""
    number = next(_numbers)
    name = name or f"1772{number:06}.{number}"
    at = clock.now() - ago
    fact = Fact(
        FactKind.ENDED, f"in_rec{number:05}", at, caller=client, did=f"+{did}",
        extension=extension, last_extension=extension, disposition=Disposition.ANSWERED,
        talk_seconds=60, is_recorded=True, recording_id=name,
    )  # fmt: skip
    if pbx is not None:
        note_in_pbx(pbx, fact.pbx_call_id, name, extension)
        pbx.sounds.plan(name, Plan(kind, ready_after, fails))
    call_id = ledger.record(db.session.connection(), fact, "").call_id
    db.session.commit()
    return db.session.get_one(Call, call_id)


def note_in_pbx(pbx: Simulator, pbx_call_id: str, name: str, extension: str = "101") -> None:
    """Let the PBX have a recording of a call."""
    pbx.history.note(
        {
            "event": "NOTIFY_RECORD", "pbx_call_id": pbx_call_id, "call_id_with_rec": name,
            "internal": extension,
        },
        timedelta(),
    )  # fmt: skip


def the_recording(call: Call) -> Recording:
    """The only recording of a call, as it is now."""
    found = select(Recording).where(Recording.call_id == call.id)
    return db.session.scalars(found.execution_options(populate_existing=True)).one()


def fetched(call: Call) -> Recording:
    """Let what follows from a recorded call be done, and give its recording."""
    perform("recorded")
    perform("fetch_recording")
    return the_recording(call)
