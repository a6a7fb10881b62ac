"""Recordings that are deleted, by hand or by time, are gone at both ends, with a receipt."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from crm_app.accounts.models import User
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.recordings import deleting
from crm_app.recordings.models import Recording, State, Transcript
from crm_app.recordings.store import Store
from crm_app.serving import recordings
from crm_app.simulator.office import Simulator
from crm_app.telephony import services
from tests.owed import perform
from tests.recordings.conftest import fetched, note_in_pbx, record, the_recording

ClientOf = Callable[[User], FlaskClient]
LINE, OTHER_LINE = "351210000001", "351210000002"


def keep_for(days: int) -> None:
    """Set the switch."""
    services.set_switches({"retention_days": days})
    db.session.commit()


def ready(pbx: Simulator, days: int, did: str = LINE) -> Recording:
    """A recording that is so many days old."""
    row = fetched(record(pbx, ago=timedelta(days=days), did=did))
    assert row.state == State.READY
    return row


def states() -> dict[int, str]:
    """The state of each recording."""
    return dict(db.session.execute(select(Recording.id, Recording.state)).all())


def test_by_hand_it_is_gone_here_and_in_the_pbx_and_the_receipt_says_so(
    pbx: Simulator, store: Store, bob: User, dora: User, client_of: ClientOf
) -> None:
    call = record(pbx)
    row = fetched(call)
    name, size, digest = row.name, row.size, row.sha256
    assert client_of(bob).post(f"/recordings/{row.id}/delete").status_code == 403
    assert client_of(dora).post(f"/recordings/{row.id}/delete").status_code == 303
    assert client_of(bob).get(f"/calls/{call.id}/recording").status_code == 410
    perform("delete_recording")
    row = the_recording(call)
    assert (row.state, row.deletion, row.deleted_by) == (State.DELETED, "by_hand", dora)
    assert (row.here_answer, row.pbx_answer) == ("deleted", "deleted")
    assert row.here_at is not None
    assert row.pbx_at is not None
    # What was deleted can still be named.
    assert (row.size, row.sha256) == (size, digest)
    assert row.recording_id in pbx.sounds.deleted
    with pytest.raises(FileNotFoundError):
        store.size(name)
    page = client_of(bob).get(f"/calls/{call.id}").text
    assert 'data-recording-state="deleted"' in page
    assert "Dora Manager deleted it" in page
    assert "Here: deleted. In the PBX: deleted." in page


def test_what_was_said_is_deleted_with_it(pbx: Simulator, dora: User, client_of: ClientOf) -> None:
    row = fetched(record(pbx))
    db.session.add(Transcript(recording_id=row.id, phrases=[], search_text="delivery"))
    db.session.commit()
    client_of(dora).post(f"/recordings/{row.id}/delete")
    assert db.session.scalars(select(Transcript)).all() == []


def test_a_pbx_that_has_none_is_a_receipt_too(
    pbx: Simulator, dora: User, client_of: ClientOf
) -> None:
    call = record(pbx)
    row = fetched(call)
    pbx.sounds.delete(row.recording_id)
    client_of(dora).post(f"/recordings/{row.id}/delete")
    perform("delete_recording")
    assert the_recording(call).pbx_answer == "nothing"


def test_a_pbx_that_does_not_answer_is_asked_again(
    pbx: Simulator, dora: User, client_of: ClientOf
) -> None:
    call = record(pbx)
    row = fetched(call)
    pbx.inject("down", path="/v1/pbx/record/", times=1)
    client_of(dora).post(f"/recordings/{row.id}/delete")
    perform("delete_recording")
    row = the_recording(call)
    assert (row.here_answer, row.pbx_answer) == ("deleted", "unreachable")
    perform("delete_recording")
    assert the_recording(call).pbx_answer == "deleted"


def test_what_comes_after_it_was_deleted_is_deleted_here_too(
    pbx: Simulator, store: Store, dora: User, client_of: ClientOf
) -> None:
    services.set_switches({"transcripts": "on"})
    db.session.commit()
    call = record(pbx)
    perform("recorded")
    payload = {"recording": the_recording(call).id}
    on_its_way = recordings.fetch(payload)
    assert store.size(on_its_way.name)
    client_of(dora).post(f"/recordings/{payload['recording']}/delete")
    perform("delete_recording")
    recordings.keep(payload, on_its_way)
    db.session.commit()
    perform("delete_recording")
    row = the_recording(call)
    assert (row.state, row.here_answer, row.pbx_answer) == (State.DELETED, "deleted", "deleted")
    with pytest.raises(FileNotFoundError):
        store.size(on_its_way.name)
    assert db.session.scalars(select(Transcript)).all() == []


def test_what_comes_after_it_was_deleted_is_deleted_in_the_pbx_too(
    pbx: Simulator, dora: User, client_of: ClientOf
) -> None:
    call = record()
    perform("recorded")
    row = the_recording(call)
    client_of(dora).post(f"/recordings/{row.id}/delete")
    perform("delete_recording")
    assert the_recording(call).pbx_answer == "nothing"
    note_in_pbx(pbx, call.pbx_call_id, row.recording_id)
    perform("delete_recording")
    assert the_recording(call).pbx_answer == "deleted"
    assert row.recording_id in pbx.sounds.deleted


def test_only_what_is_older_than_its_line_keeps_it_is_deleted(pbx: Simulator) -> None:
    old, new = ready(pbx, 31), ready(pbx, 29)
    kept, short = ready(pbx, 40, OTHER_LINE), ready(pbx, 8, "351210000003")
    deleting.keep_line(f"+{OTHER_LINE}", 0)
    deleting.keep_line("+351210000003", 7)
    keep_for(30)
    perform("retire_recordings")
    perform("delete_recording")
    assert states() == {old.id: "deleted", new.id: "ready", kept.id: "ready", short.id: "deleted"}
    row = db.session.get_one(Recording, old.id)
    assert (row.deletion, row.deleted_by_id, row.pbx_answer) == ("retention", None, "deleted")


def test_nothing_is_deleted_while_it_is_kept_for_ever(pbx: Simulator) -> None:
    row = ready(pbx, 3000)
    perform("retire_recordings")
    assert states() == {row.id: "ready"}


def test_what_is_held_is_deleted_by_nobody_until_it_is_released(
    pbx: Simulator, bob: User, dora: User, client_of: ClientOf
) -> None:
    row = ready(pbx, 100)
    keep_for(30)
    manager = client_of(dora)
    assert client_of(bob).post(f"/recordings/{row.id}/hold").status_code == 403
    manager.post(f"/recordings/{row.id}/hold", data={"hold_reason": "Invoice 12 is disputed"})
    perform("retire_recordings")
    manager.post(f"/recordings/{row.id}/delete")
    assert states() == {row.id: "ready"}
    page = manager.get(f"/calls/{row.call_id}").text
    assert "Invoice 12 is disputed" in page
    assert "Delete" not in page.partition('id="players"')[2].partition("What happened")[0]
    with pytest.raises(InvalidInputError):
        deleting.delete_by_hand(db.session.get_one(Recording, row.id), dora)
    db.session.rollback()
    manager.post(f"/recordings/{row.id}/release")
    perform("retire_recordings")
    assert states() == {row.id: "deleted"}


def test_a_hold_says_why(pbx: Simulator, dora: User, client_of: ClientOf) -> None:
    row = ready(pbx, 1)
    client_of(dora).post(f"/recordings/{row.id}/hold", data={"hold_reason": "  "})
    db.session.expire_all()
    assert not db.session.get_one(Recording, row.id).is_held


def test_the_commands_list_all_and_delete_what_is_over(app: Flask, pbx: Simulator) -> None:
    old, new = ready(pbx, 31), ready(pbx, 1)
    failed = fetched(record(pbx, "gone"))
    keep_for(30)
    runner = app.test_cli_runner()
    assert runner.invoke(args=["recordings", "purge"]).output == "1 recordings deleted.\n"
    assert old.recording_id in pbx.sounds.deleted
    listed = json.loads(runner.invoke(args=["recordings", "list", "--json"]).output)
    db.session.expire_all()
    assert listed == {
        "recordings": [
            {
                "call": row.call_id, "recording": row.recording_id, "state": row.state,
                "reason": row.reason, "bytes": row.size, "sha256": row.sha256,
            }
            for row in (old, new, failed)
        ]
    }  # fmt: skip
    assert [one["state"] for one in listed["recordings"]] == ["deleted", "ready", "failed"]
    assert "ready" in runner.invoke(args=["recordings", "list"]).output


def test_managers_see_all_recordings_by_their_state(
    pbx: Simulator, bob: User, dora: User, client_of: ClientOf
) -> None:
    ready(pbx, 1)
    fetched(record(pbx, "gone"))
    manager = client_of(dora)
    assert client_of(bob).get("/recordings").status_code == 403
    assert manager.get("/recordings").text.count("list-group-item") == 2
    for state, count in (("ready", 1), ("failed", 1), ("deleted", 0), ("held", 0)):
        assert manager.get(f"/recordings?state={state}").text.count("list-group-item") == count
    assert "no longer" in manager.get("/recordings?state=failed").text
