"""Polling: while no event comes, the log goes on by the statistics, and says what is missing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from crm_app import clock, database
from crm_app.accounts.models import User
from crm_app.calls.models import Call
from crm_app.extensions import db
from crm_app.simulator import Simulator
from crm_app.telephony import services
from crm_app.telephony.models import TelephonySettings
from tests.owed import perform
from tests.telephony.conftest import SECRET, use_api
from tests.telephony.played_days import deliver_to, open_office, play_day

MORNING = "2026-03-02 10:00:00+00:00"
BANNER = "data-events-missing"
ClientOf = Callable[[User], FlaskClient]


@dataclass
class Played:
    """An office, its PBX, and the clock of both."""

    app: Flask
    pbx: Simulator
    moment: time_machine.Traveller
    count: int = 0

    def play(self, calls: int = 1) -> None:
        """Let calls come and end, two minutes each."""
        db.session.rollback()
        database.set_reads_only(False)
        play_day(self.pbx, self.moment, calls, timedelta(minutes=2), first=self.count)
        self.count += calls

    def poll(self) -> None:
        """Let two minutes pass and the job come to its turn."""
        # A page that was looked at has promised only to read.
        db.session.rollback()
        database.set_reads_only(False)
        self.moment.shift(timedelta(minutes=2))
        perform("poll_statistics")
        self.app.extensions["telephony_links"].forget()

    @property
    def asked(self) -> int:
        """How often the statistics were asked."""
        return len([call for call in self.pbx.api_calls if "statistics" in call.path])


@pytest.fixture
def played(
    app: Flask, key: str, visitor: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Played]:
    deliver_to(visitor, monkeypatch)
    with (
        time_machine.travel(MORNING, tick=False) as moment,
        Simulator(key, SECRET, "http://office") as pbx,
    ):
        open_office(app, key)
        use_api(app, pbx.url, monkeypatch)
        yield Played(app, pbx, moment)
    assert pbx.errors == []


def count() -> int:
    found = len(db.session.scalars(select(Call)).all())
    db.session.commit()
    return found


def lost_since() -> object:
    since = TelephonySettings.current().events_lost_since
    db.session.commit()
    return since


def test_an_hour_without_webhooks_costs_nothing_but_pop_ups(
    played: Played, client_of: ClientOf, alice: User
) -> None:
    db.session.commit()
    browser = client_of(alice)
    played.play(2)
    played.poll()
    assert BANNER not in browser.get("/calls").text
    began = clock.now()
    played.pbx.account.lost_share = 1.0
    for _ in range(12):
        played.play()
        before = count()
        played.poll()
        # At most three minutes after its end.
        assert count() == before + 1
    assert lost_since() == began
    page = browser.get("/calls").text
    assert BANNER in page
    assert "Calls do not pop up." in page
    assert BANNER in browser.get("/telephony/missing-events").text
    played.pbx.account.lost_share = 0.0
    played.play()
    played.poll()
    assert lost_since() is None
    assert BANNER not in browser.get("/calls").text
    assert count() == 15


def test_the_statistics_are_asked_once_in_two_minutes_also_when_they_fail(played: Played) -> None:
    played.poll()
    played.poll()
    before = played.asked
    played.pbx.inject("error", path="/v1/statistics/")
    for _ in range(3):
        played.poll()
    assert played.asked == before + 3
    played.pbx.heal()
    played.pbx.inject("limit", path="/v1/statistics/", seconds=30)
    perform("poll_statistics")
    assert played.asked <= before + 4


def test_off_asks_nothing_and_takes_the_banner_away(played: Played) -> None:
    played.pbx.account.lost_share = 1.0
    played.play()
    played.poll()
    played.poll()
    assert lost_since() is not None
    services.set_switches({"polling": "off"})
    db.session.commit()
    before = played.asked
    played.play()
    known = count()
    played.poll()
    assert (played.asked, count(), lost_since()) == (before, known, None)


def test_on_expects_no_events(played: Played) -> None:
    services.set_switches({"polling": "on"})
    db.session.commit()
    played.pbx.account.lost_share = 1.0
    played.play()
    played.poll()
    played.poll()
    assert count() == 1
    assert lost_since() is None


def test_a_long_silence_in_opening_hours_is_a_loss_too(played: Played) -> None:
    played.play()
    heard = clock.now()
    played.poll()
    assert lost_since() is None
    played.moment.shift(timedelta(hours=4, minutes=30))
    played.poll()
    since = lost_since()
    assert since is not None
    assert since < heard  # type: ignore[operator]


def test_calls_of_before_the_connection_are_no_news(played: Played) -> None:
    settings = TelephonySettings.for_change()
    settings.connected_at = clock.now() + timedelta(hours=2)
    db.session.commit()
    played.pbx.account.lost_share = 1.0
    played.play(3)
    played.moment.move_to("2026-03-02 12:30:00+00:00")
    played.poll()
    played.poll()
    assert count() == 0
