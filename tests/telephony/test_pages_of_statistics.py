"""The statistics come in pages, and the account's clock may prove to be another between two."""

import json
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from flask import Flask
from sqlalchemy import select

from crm_app.calls.fold.facts import Fact, FactKind
from crm_app.calls.models import Call
from crm_app.calls.store import ledger
from crm_app.extensions import db
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.reconciliation import asking, reading
from crm_app.telephony.reconciliation.reading import Reading
from crm_app.telephony.zadarma.client import ZadarmaClient
from crm_app.telephony.zadarma.replies import StatisticsLeg, StatisticsPage
from tests.telephony.conftest import connect

ROWS = 100


class Listed:
    """Statistics of an account that knows nothing of our clock, by pages."""

    def __init__(self, rows: list[StatisticsLeg]) -> None:
        self.rows = rows
        self.asked: list[tuple[str, str, int]] = []

    def pbx_statistics(self, start: str, end: str, skip: int = 0) -> StatisticsPage:
        self.asked.append((start, end, skip))
        found = [row for row in self.rows if start <= row.started <= end]
        page = tuple(found[skip : skip + ROWS])
        return StatisticsPage(page, len(page))


@pytest.mark.parametrize(("stated", "hours"), [(0, -5), (0, 0), (0, 5), (3, 2), (-5, 0)])
def test_a_clock_that_proves_to_be_another_between_two_pages_costs_no_call(
    app: Flask, key: str, monkeypatch: pytest.MonkeyPatch, stated: int, hours: int
) -> None:
    monkeypatch.setattr(reading, "MAX_PAGE_ROWS", ROWS)
    connect(app, key)
    since, offset = datetime(2026, 3, 20, tzinfo=UTC), timedelta(hours=hours)
    until = since + timedelta(hours=20)
    TelephonySettings.for_change().note_clock(stated * 3600, "UTC")
    moments = [since - timedelta(hours=8) + n * timedelta(seconds=400) for n in range(320)]
    rows = [
        StatisticsLeg(
            pbx_call_id=f"in_{number:040x}", recording_id=f"177.{number}", extension="101",
            started=(moment + offset).strftime("%Y-%m-%d %H:%M:%S"), caller=f"3519100{number:05}",
            called="351210000001", disposition="answered", disposition_raw="answered",
            talk_seconds=20, is_recorded=False,
        )
        for number, moment in enumerate(moments)
    ]  # fmt: skip
    wanted = {
        row.pbx_call_id
        for row, moment in zip(rows, moments, strict=True)
        if since <= moment <= until
    }
    # Of some calls events have come.
    for number in range(96, 250, 4):
        name = rows[number].pbx_call_id
        fact = Fact(FactKind.STARTED, name, moments[number], caller=f"+{rows[number].caller}")
        ledger.record(db.session.connection(), fact, "")
    db.session.commit()
    pbx = Listed(rows)
    step: Reading | None = Reading.of(since, until)
    while step is not None:
        how = asking.source()
        db.session.rollback()
        # As a job keeps it between two steps.
        kept = Reading.from_json(json.loads(json.dumps(step.to_json())))
        step = asking.store(reading.fetch(kept, cast(ZadarmaClient, pbx), how)).next
        db.session.commit()
    assert wanted <= set(db.session.scalars(select(Call.pbx_call_id)))
    windows = [(start, end) for start, end, _skip in pbx.asked]
    skips = [skip for _start, _end, skip in pbx.asked]
    assert all(
        skip == 0 or window == before
        for window, before, skip in zip(windows[1:], windows, skips[1:], strict=False)
    )
    assert len(set(windows)) == (1 if hours == stated else 2)
