"""What could not be stored is kept, and taken in when it can be."""

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from crm_app.accounts.models import User
from crm_app.calls.models import Call, CallFact
from crm_app.extensions import db
from crm_app.live.screen_updates import screen_updates
from crm_app.telephony.commands import telephony_cli
from crm_app.telephony.models import UnreadableRequest
from crm_app.telephony.webhook import inbox, quarantine
from crm_app.telephony.webhook.quarantine import RetryResult
from tests.owed import perform
from tests.telephony.conftest import Post, start_fields

ENDED = {"event": "NOTIFY_END", "disposition": "cancel", "duration": "0"}


class Mistake:
    """A mistake of ours in the way to the disk, until it is mended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self._store = inbox.store
        self.make()

    def make(self, error: Exception | None = None) -> None:
        def stumble(*_: object) -> None:
            raise error or RuntimeError("a mistake")

        self._patch.setattr(inbox, "store", stumble)

    def mend(self) -> None:
        self._patch.setattr(inbox, "store", self._store)


def reasons() -> list[tuple[str, bool]]:
    """What is kept: why, and whether it is genuine."""
    db.session.rollback()
    rows = db.session.execute(
        select(UnreadableRequest.reason, UnreadableRequest.is_genuine).order_by(
            UnreadableRequest.id
        )
    ).all()
    db.session.rollback()
    return [tuple(row) for row in rows]  # type: ignore[misc]


def test_what_was_kept_by_a_mistake_of_ours_is_taken_in_when_it_is_mended(
    post: Post, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.session.rollback()
    mistake = Mistake(monkeypatch)
    rang = start_fields(event="NOTIFY_INTERNAL", internal="101")
    with time_machine.travel("2026-03-02 09:15:00+00:00", tick=False) as traveller:
        rang["call_start"] = "2026-03-02 09:15:00"
        assert post(rang).status_code == 200
        traveller.shift(timedelta(seconds=20))
        assert post(rang | ENDED).status_code == 200
        assert reasons() == [("RuntimeError", True)] * 2
        traveller.shift(timedelta(days=2))
        assert quarantine.retry_quarantined("PT") == RetryResult(taken=0, left=2)
        mistake.mend()
        assert quarantine.retry_quarantined("PT") == RetryResult(taken=2, left=0)
    assert screen_updates.wait_until_sent(60)
    call = db.session.scalars(select(Call)).one()
    assert (call.status, call.legs[0].user_id) == ("missed", bob.id)
    assert call.ended_at
    assert [f"{at:%d %H:%M:%S}" for at in (call.started_at, call.ended_at)] == [
        "02 09:15:00",
        "02 09:15:20",
    ]
    assert all(db.session.scalars(select(CallFact.raw)))
    assert reasons() == []


def test_what_nobody_has_signed_is_kept_and_never_taken_in(
    post: Post, visitor: FlaskClient
) -> None:
    visitor.post("/zadarma", data=b"nonsense")
    visitor.post("/zadarma", data=start_fields(pbx_call_id=""))
    assert post(start_fields(pbx_call_id="")).status_code == 200
    kept_for = "NOTIFY_START has no usable call id."
    assert reasons() == [
        ("The notification has no event name.", False),
        (kept_for, False),
        (kept_for, True),
    ]
    assert quarantine.retry_quarantined("PT") == RetryResult(taken=0, left=1)
    assert len(reasons()) == 3


def test_nonsense_does_not_push_out_what_the_pbx_has_signed(
    post: Post, visitor: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "MAX_KEPT_REQUESTS", 2)
    monkeypatch.setattr(inbox, "MAX_KEPT_GENUINE", 3)
    for event in ("NOTIFY_START", "NOTIFY_INTERNAL", "NOTIFY_END"):
        assert post(start_fields(pbx_call_id="", event=event)).status_code == 200
    for number in range(9):
        visitor.post("/zadarma", data=f"nonsense {number}".encode())
    assert [is_genuine for _, is_genuine in reasons()] == [True] * 3 + [False] * 2
    assert post(start_fields(pbx_call_id="", event="NOTIFY_IVR")).status_code == 200
    genuine = [reason.partition(" ")[0] for reason, is_genuine in reasons() if is_genuine]
    assert genuine == ["NOTIFY_INTERNAL", "NOTIFY_END", "NOTIFY_IVR"]


def test_a_database_that_is_away_leaves_what_is_kept_for_the_next_time(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    mistake = Mistake(monkeypatch)
    post(start_fields())
    mistake.make(OperationalError("INSERT", {}, Exception("away")))
    with pytest.raises(OperationalError):
        quarantine.retry_quarantined("PT")
    assert reasons() == [("RuntimeError", True)]


def test_a_message_that_is_about_no_call_needs_no_second_look(post: Post) -> None:
    db.session.add(
        UnreadableRequest(body=b"event=SMS&result={}", reason="RuntimeError", is_genuine=True)
    )
    db.session.commit()
    assert quarantine.retry_quarantined("PT") == RetryResult(taken=1, left=0)
    assert reasons() == []


def test_the_worker_and_a_command_take_in_what_was_kept(
    post: Post, connected: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    mistake = Mistake(monkeypatch)
    for number in range(2):
        post(start_fields(pbx_call_id=f"in_{number}"))
    mistake.mend()
    result = connected.test_cli_runner().invoke(telephony_cli, ["retry"])
    assert (result.exit_code, result.output) == (0, "2 taken in, 0 left.\n")
    mistake.make()
    post(start_fields(pbx_call_id="in_3"))
    mistake.mend()
    perform("take_in_kept")
    assert db.session.scalar(select(func.count(CallFact.id))) == 3


def test_a_worker_takes_in_a_few_in_each_step_past_those_that_cannot_be(
    post: Post, connected: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "MOST_AT_ONCE", 2)
    mistake = Mistake(monkeypatch)
    post(start_fields(pbx_call_id=""))
    for number in range(4):
        post(start_fields(pbx_call_id=f"in_{number}"))
    mistake.mend()
    perform("take_in_kept")
    assert db.session.scalar(select(func.count(CallFact.id))) == 4
    assert len(reasons()) == 1
