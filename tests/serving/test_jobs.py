"""The worker's jobs: done once in each period, and none of them takes the worker down."""

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from crm_app import clock
from crm_app.accounts.models import AccountLink, LinkPurpose
from crm_app.calls.fold.facts import CallPhase, Fact, FactKind
from crm_app.calls.models import Call
from crm_app.calls.store import ledger, upkeep
from crm_app.extensions import db
from crm_app.jobs.models import Job
from crm_app.serving.jobs import KINDS, RESTS_FOR
from crm_app.telephony.models import UnreadableRequest
from tests.owed import perform


def test_it_closes_a_call_whose_end_never_came(app: Flask) -> None:
    long_ago = clock.now() - timedelta(hours=1)
    for kind in (FactKind.STARTED, FactKind.RANG):
        fact = Fact(kind, "in_silent", long_ago, caller="+351912000100", extension="101")
        ledger.record(db.session.connection(), fact, "")
    db.session.commit()
    perform("sweep_calls")
    assert db.session.scalars(select(Call.phase)).all() == [CallPhase.ENDED]
    perform("sweep_calls")
    assert db.session.scalars(select(Call.phase)).all() == [CallPhase.ENDED]


def test_it_closes_a_flood_of_such_calls_in_steps(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "SWEPT_AT_ONCE", 2)
    with time_machine.travel(clock.now(), tick=False):
        long_ago = clock.now() - timedelta(hours=1)
        for number in range(3):
            fact = Fact(FactKind.STARTED, f"in_{number}", long_ago, caller="+351912000100")
            ledger.record(db.session.connection(), fact, "")
        db.session.commit()
        is_live = select(func.count()).select_from(Call.live().subquery())
        due = select(Job.due_at).where(Job.kind == "sweep_calls")
        perform("sweep_calls")
        assert (db.session.scalar(is_live), db.session.scalar(due)) == (1, clock.now() + RESTS_FOR)
        perform("sweep_calls")
        assert db.session.scalar(is_live) == 0
        assert db.session.scalar(due) == clock.now() + timedelta(seconds=15)


def test_it_purges_only_what_is_old(app: Flask) -> None:
    now = clock.now()
    for days in (1, 400):
        moment = now - timedelta(days=days)
        db.session.add(UnreadableRequest(received_at=moment, body=b"?"))
        db.session.add(
            AccountLink(token_hash=f"{days}", purpose=LinkPurpose.SET_UP, expires_at=moment)
        )
    db.session.commit()
    perform("purge")
    assert db.session.scalar(select(func.count()).select_from(UnreadableRequest)) == 1
    assert db.session.scalars(select(AccountLink.token_hash)).all() == ["1"]


def test_it_has_jobs_with_names_of_their_own() -> None:
    names = [kind.name for kind in KINDS]
    assert len(set(names)) == len(names)
