"""The lamp of notifications tells the truth, also at night and on a Sunday."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.fold.facts import Fact, FactKind
from crm_app.calls.store import ledger
from crm_app.extensions import db
from crm_app.telephony.connection import Link
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.setup import health_checks
from tests.plans import plan_of
from tests.telephony.conftest import Post, start_fields

# Monday 2 March 2026, ten in Lisbon.
MONDAY = datetime(2026, 3, 2, 10, tzinfo=UTC)


def events_lamp(app: Flask) -> str:
    """Look how the lamp of notifications shines now."""
    link = Link("k", "s")
    config = app.extensions["settings"]
    lamps = health_checks.run(TelephonySettings.current(), link, config, health_checks.arrivals())
    # On SQLite the next notification would wait for this transaction.
    db.session.rollback()
    return next(lamp.state for lamp in lamps if lamp.name == "events")


def hear(at: datetime) -> None:
    """Let a notification have arrived at a moment."""
    fact = Fact(FactKind.STARTED, f"in_{at.isoformat()}", at, caller="+351910000042")
    ledger.record(db.session.connection(), fact, "event=NOTIFY_START")
    db.session.commit()


@pytest.mark.parametrize(
    ("now", "state"),
    [
        (MONDAY, "ok"),
        (MONDAY + timedelta(hours=3, minutes=59), "ok"),
        (MONDAY + timedelta(hours=4, minutes=1), "warn"),
        # The next morning: nothing but night has passed since the evening.
        (MONDAY + timedelta(hours=23), "warn"),
    ],
)
def test_the_lamp_turns_amber_after_hours_of_working_time(
    app: Flask, now: datetime, state: str
) -> None:
    hear(MONDAY)
    with time_machine.travel(now, tick=False):
        assert events_lamp(app) == state


def test_a_weekend_without_calls_is_no_silence(app: Flask) -> None:
    friday_evening = datetime(2026, 3, 6, 17, 30, tzinfo=UTC)
    hear(friday_evening)
    for days in (0.5, 1, 2, 2.6):
        with time_machine.travel(friday_evening + timedelta(days=days), tick=False):
            assert events_lamp(app) == "ok", days


def test_the_lamp_is_grey_before_the_first_notification(app: Flask) -> None:
    assert events_lamp(app) == "unknown"


def test_years_of_statistics_make_no_lamp_slow(app: Flask) -> None:
    for read in (health_checks.last_event_at, lambda: health_checks.newest_starts(1)):
        plan = plan_of(read)
        assert "ix_call_fact_kind" in plan
        assert not re.search(r"Seq Scan on call_fact|SCAN call_fact(?! USING)", plan)
        db.session.rollback()


def test_refused_signatures_turn_the_lamp_red_until_one_fits(app: Flask, post: Post) -> None:
    assert post(start_fields(), signature="wrong").status_code == 403
    app.extensions["security_refusals"].write()
    assert events_lamp(app) == "bad"
    with time_machine.travel(clock.now() + timedelta(seconds=5)):
        assert post(start_fields()).status_code == 200
        db.session.rollback()
        assert events_lamp(app) != "bad"


@pytest.mark.parametrize(("has_keys", "sentence"), [(True, "no extension"), (False, "connected")])
def test_the_bell_is_not_green_where_no_call_can_arrive(
    app: Flask,
    carol: User,
    client_of: Callable[[User], FlaskClient],
    request: pytest.FixtureRequest,
    has_keys: bool,
    sentence: str,
) -> None:
    if has_keys:
        request.getfixturevalue("connected")
    else:
        app.extensions["telephony_links"].forget()
    client = client_of(carol)
    db.session.rollback()
    page = client.get("/").text
    lamp = page[page.index('id="lamp"') :]
    assert "data-unreached" in lamp[:200]
    assert sentence in lamp.partition("</p>")[0]
    assert "Connected" not in page


def test_the_bell_is_green_for_somebody_whose_phone_can_ring(
    connected: Flask, bob: User, client_of: Callable[[User], FlaskClient]
) -> None:
    client = client_of(bob)
    db.session.rollback()
    page = client.get("/").text
    assert "data-unreached" not in page
    assert "Connected" in page


def test_the_first_step_is_done_when_the_pbx_was_heard(
    connected: Flask, alice: User, client_of: Callable[[User], FlaskClient], post: Post
) -> None:
    client = client_of(alice)
    db.session.rollback()
    step = "is-done"
    assert step not in client.get("/").text
    post(start_fields())
    db.session.rollback()
    assert step in client.get("/").text


def test_a_clock_that_moved_and_notifications_that_are_lost_have_lamps_of_their_own(
    app: Flask, alice: User, client_of: Callable[[User], FlaskClient]
) -> None:
    def shine() -> dict[str, str]:
        link, config = Link("k", "s"), app.extensions["settings"]
        settings = TelephonySettings.current()
        found = health_checks.run(settings, link, config, health_checks.arrivals())
        db.session.rollback()
        return {one.name: one.state for one in found if one.name in ("shift", "lost")}

    assert shine() == {"shift": "unknown", "lost": "unknown"}
    settings = TelephonySettings.for_change()
    settings.clock_offset_seconds, settings.reconciled_at = 0, clock.now()
    db.session.commit()
    assert shine() == {"shift": "ok", "lost": "ok"}
    settings = TelephonySettings.for_change()
    settings.clock_shifted_at = clock.now() - timedelta(hours=1)
    settings.events_lost_since = clock.now() - timedelta(minutes=9)
    db.session.commit()
    assert shine() == {"shift": "warn", "lost": "bad"}
    for page in ("/telephony/setup", "/telephony/health"):
        text = client_of(alice).get(page).text
        assert "so that nothing pops up" in text
        assert "shows another time zone than before" in text
        row = text[text.index('data-lamp="lost"') :].partition("</li>")[0]
        assert 'action="/telephony/setup/register"' in row
        assert row.count("<button") == 1
    settings = TelephonySettings.for_change()
    settings.clock_shifted_at = clock.now() - timedelta(days=3)
    db.session.commit()
    assert shine()["shift"] == "ok"
