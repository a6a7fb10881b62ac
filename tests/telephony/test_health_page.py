"""The health of the telephony: what is about to go wrong reaches managers before the phones die."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from crm_app import clock
from crm_app.accounts.models import Role, User
from crm_app.calls.fold.facts import Fact, FactKind
from crm_app.calls.store import ledger
from crm_app.config import Config
from crm_app.extensions import db
from crm_app.jobs.models import Job
from crm_app.simulator.office import Simulator
from crm_app.telephony import services
from crm_app.telephony.models import DirectNumber, LampState, PhoneState, TelephonySettings
from crm_app.telephony.reconciliation.models import ReconciledDay
from crm_app.telephony.setup import figures, warnings
from crm_app.telephony.zadarma.replies import Balance
from tests.owed import perform
from tests.questions import questions
from tests.telephony.conftest import SECRET, use_api

PAGE = "/telephony/health"
# A Monday, eleven in Lisbon, and the evening of that day.
MORNING = datetime(2026, 3, 2, 11, tzinfo=UTC)
EVENING = MORNING + timedelta(hours=11)


@pytest.fixture
def office(connected: Flask) -> Iterator[Flask]:
    """A connected office at eleven o'clock."""
    with time_machine.travel(MORNING, tick=False):
        yield connected


@pytest.fixture
def browser(office: Flask, dora: User, client_of: Callable[[User], FlaskClient]) -> FlaskClient:
    """A manager's browser."""
    client = client_of(dora)
    db.session.rollback()
    return client


def found(app: Flask) -> list[str]:
    """Let the worker look, and give the codes of what it has found."""
    perform("find_warnings")
    app.extensions["telephony_links"].forget()
    row = db.session.get(LampState, "warnings")
    codes = [] if row is None else [one["code"] for one in row.details["found"]]
    db.session.rollback()
    return codes


def test_a_phone_that_is_off_in_opening_hours_is_named_to_managers_on_every_page(
    office: Flask,
    browser: FlaskClient,
    bob: User,
    client_of: Callable[[User], FlaskClient],
) -> None:
    agent = client_of(bob)
    db.session.add(PhoneState(extension="101", is_registered=False, asked_at=clock.now()))
    db.session.commit()
    assert found(office) == ["phones"]
    sentence = "Not registered in opening hours: Bob Agent (101)."
    for path in ("/contacts", PAGE):
        assert sentence in browser.get(path).text, path
    db.session.rollback()
    assert sentence not in agent.get("/contacts").text
    db.session.rollback()
    db.session.get_one(PhoneState, "101").is_registered = True
    db.session.commit()
    assert found(office) == []
    assert "data-telephony-warnings" not in browser.get("/contacts").text


def test_a_phone_may_be_off_at_night(office: Flask, bob: User) -> None:
    with time_machine.travel(EVENING, tick=False):
        db.session.add(PhoneState(extension="101", is_registered=False, asked_at=clock.now()))
        db.session.commit()
        assert found(office) == []


def test_the_phone_of_who_is_away_may_be_off(office: Flask, bob: User) -> None:
    db.session.add(PhoneState(extension="101", is_registered=False, asked_at=clock.now()))
    bob.away_since = clock.now() - timedelta(days=1)
    bob.away_until = clock.now() + timedelta(days=11)
    db.session.commit()
    assert found(office) == []
    bob.away_until = clock.now()
    db.session.commit()
    assert found(office) == ["phones"]


@pytest.mark.parametrize("place", ["/data", "/recordings", ""])
def test_a_disk_that_is_nearly_full_is_said(
    office: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    config: Config = office.extensions["settings"]
    elsewhere = tmp_path / "recordings" / "not made yet"
    apart = config.model_copy(update={"recordings_url": elsewhere.as_uri()})
    full = {"/data": config.data_dir, "/recordings": tmp_path}.get(place)

    def usage(folder: Path) -> SimpleNamespace:
        assert folder.is_dir()
        return SimpleNamespace(total=10**12, free=10**9 if folder == full else 10**11)

    monkeypatch.setattr("crm_app.telephony.setup.warnings.shutil.disk_usage", usage)
    assert warnings.fullest_disk(apart).is_short == bool(place)


def test_more_phones_than_can_be_asked_about_are_said_with_their_number(
    office: Flask, browser: FlaskClient
) -> None:
    numbers = [str(number) for number in range(200, 261)]
    db.session.execute(update(User).values(extension=None))
    services.keep(services.Probe(extensions=tuple(numbers)))
    db.session.add_all(
        User(name="A", email=f"{one}@x.example", extension=one, fs_uniquifier=one, role=Role.AGENT)
        for one in numbers
    )
    db.session.commit()
    sentence = "Colleagues have 61 phones, but the PBX is asked about at most 60 a minute"
    assert sentence in browser.get(PAGE).text
    db.session.rollback()
    # Nobody can mend it, so it does not stand on each page.
    assert "extensions.many" not in found(office)
    db.session.scalars(select(User).where(User.extension == "260")).one().active = False
    db.session.commit()
    assert sentence[:20] not in browser.get(PAGE).text


def test_a_number_that_ends_soon_and_does_not_renew_itself_is_said(
    office: Flask, browser: FlaskClient
) -> None:
    for number, days, renews in (
        ("+351210000001", 5, False), ("+351210000002", 5, True), ("+351210000003", 40, False),
    ):  # fmt: skip
        stops = (clock.now() + timedelta(days=days)).strftime("%Y-%m-%d %H:%M:%S")
        db.session.add(DirectNumber(number=number, stops_at=stops, renews_itself=renews))
    db.session.add(DirectNumber(number="+351210000004", stops_at="", renews_itself=False))
    db.session.commit()
    assert warnings.expiring_numbers() == [("+351210000001", 5)]
    db.session.rollback()
    assert found(office) == ["number"]
    assert "ends in 5 days and does not renew itself" in browser.get("/contacts").text


def test_the_money_is_compared_with_what_the_last_days_cost(
    office: Flask, browser: FlaskClient
) -> None:
    for day in range(4, -1, -1):
        with time_machine.travel(MORNING - timedelta(days=day), tick=False):
            services.keep(services.Probe(balance=Balance(700 + 300 * day, "EUR")))
            db.session.commit()
    assert found(office) == ["balance.warn"]
    page = browser.get(PAGE).text
    assert "the balance lasts for 2 days" in page
    assert "a day costs €3.00 on average" in page


def test_a_job_that_fails_again_and_again_is_said_and_a_manager_tries_it_again(
    office: Flask, browser: FlaskClient
) -> None:
    job = Job(kind="purge", due_at=clock.now() + timedelta(hours=5), tries=6, last_error="No.")
    db.session.add(job)
    db.session.commit()
    job_id = job.id
    assert found(office) == ["jobs"]
    page = browser.get(PAGE).text
    assert 'data-jobs-failed="1"' in page
    assert browser.post(f"/jobs/{job_id}/try-again").status_code == 303
    db.session.rollback()
    assert db.session.get_one(Job, job_id).due_at == clock.now()


def test_keys_that_are_refused_are_said_until_they_are_right(
    office: Flask, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Simulator(key, "another", extensions=("101",)) as pbx:
        use_api(office, pbx.url, monkeypatch)
        perform("check_pbx")
        assert "keys.bad" in found(office)
        pbx.account.secret = SECRET
        perform("check_pbx")
        assert "keys.bad" not in found(office)


def test_an_api_that_fails_several_times_in_a_row_is_said_until_it_answers(
    office: Flask, browser: FlaskClient, bob: User, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    TelephonySettings.for_change().clock_offset_seconds = 0
    db.session.commit()
    sentence = "No request to Zadarma has succeeded since"
    with (
        Simulator(key, SECRET, extensions=("101",)) as pbx,
        time_machine.travel(MORNING, tick=False) as moment,
    ):
        use_api(office, pbx.url, monkeypatch)
        # That it fails in another way does not make it another failure.
        for fault, codes in (("error", []), ("html", []), ("error", ["unanswered"])):
            pbx.heal()
            pbx.inject(fault)  # type: ignore[arg-type]
            perform("poll_statistics")
            assert found(office) == codes
            moment.shift(timedelta(minutes=2))
        page = browser.get("/contacts").text
        assert re.search(rf"{sentence} [^<]*11:00[^<]*: a click dials nothing", page)
        db.session.rollback()
        pbx.heal()
        perform("poll_statistics")
        assert found(office) == []
        assert sentence not in browser.get("/contacts").text
        db.session.rollback()
        # The statistics alone may fail for long, and two failures more are not five in a row.
        pbx.inject("error")
        for _ in range(2):
            perform("check_pbx")
        pbx.heal()
        perform("phones")
        pbx.inject("error")
        for _ in range(2):
            perform("check_pbx")
        assert "unanswered" not in found(office)
        perform("check_pbx")
        assert "unanswered" in found(office)


def test_a_log_that_was_not_compared_for_long_is_said(office: Flask, browser: FlaskClient) -> None:
    settings = TelephonySettings.for_change()
    settings.reconciled_at = clock.now() - timedelta(hours=30)
    db.session.commit()
    assert found(office) == []
    settings.reconciled_at = clock.now() - timedelta(hours=40)
    settings.clock_shifted_at = clock.now() - timedelta(hours=1)
    db.session.commit()
    assert found(office) == ["shift.warn", "log"]


def test_reminders_by_e_mail_without_a_mail_server_are_said(
    office: Flask, browser: FlaskClient
) -> None:
    services.set_switches({"call_back_email": "on"})
    db.session.commit()
    assert found(office) == ["mail"]
    assert "but no mail server is set up" in browser.get("/contacts").text


def test_an_office_without_a_pbx_has_no_warnings(app: Flask) -> None:
    services.disconnect()
    db.session.commit()
    app.extensions["telephony_links"].forget()
    assert found(app) == []


def test_the_page_shows_when_each_kind_of_notification_came_last(
    office: Flask, browser: FlaskClient
) -> None:
    for minutes, kind in ((30, FactKind.STARTED), (20, FactKind.ENDED), (10, FactKind.STARTED)):
        fact = Fact(kind, f"in_{minutes}", clock.now() - timedelta(minutes=minutes), caller="+351")
        ledger.record(db.session.connection(), fact, "event=x")
    db.session.commit()
    last = figures.last_of_each_kind()
    assert last == {
        FactKind.STARTED: clock.now() - timedelta(minutes=10),
        FactKind.ENDED: clock.now() - timedelta(minutes=20),
    }
    db.session.rollback()
    page = browser.get(PAGE).text
    assert re.findall(r'data-last-event="(\w+)"', page) == ["started", "ended"]


def test_the_budget_of_requests_counts_down(
    office: Flask, browser: FlaskClient, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Simulator(key, SECRET) as pbx:
        use_api(office, pbx.url, monkeypatch)
        assert "100 of 100" in browser.get(PAGE).text
        perform("check_pbx")
        made = len(pbx.api_calls)
    assert made >= 5
    assert f"{100 - made} of 100" in browser.get(PAGE).text


def test_it_writes_the_clock_of_the_account_as_the_day_balance_does(
    office: Flask, browser: FlaskClient
) -> None:
    TelephonySettings.for_change().clock_offset_seconds = 19_800
    db.session.commit()
    [clock_said] = re.findall(r'data-figure="clock">\s*(\S+)', browser.get(PAGE).text)
    assert clock_said == "UTC+5:30"
    assert "UTC+5:30" in browser.get("/telephony/balance").text


def test_the_page_is_for_managers(
    office: Flask, bob: User, dora: User, client_of: Callable[[User], FlaskClient]
) -> None:
    agent, manager = client_of(bob), client_of(dora)
    db.session.rollback()
    assert (agent.get(PAGE).status_code, manager.get(PAGE).status_code) == (403, 200)
    assert agent.get(f"{PAGE}/warnings").status_code == 403


def test_warnings_cost_a_page_no_query(office: Flask, browser: FlaskClient) -> None:
    browser.get("/contacts")
    with questions() as before:
        browser.get("/contacts")
    settings = TelephonySettings.for_change()
    settings.balance_cents = 0
    db.session.commit()
    assert found(office) == ["balance.bad"]
    browser.get("/contacts")
    with questions() as after:
        assert "data-telephony-warnings" in browser.get("/contacts").text
    assert len(after) == len(before)


def test_the_day_balance_counts_completed_calls_in_portuguese_words(
    office: Flask, browser: FlaskClient, dora: User
) -> None:
    db.session.add(ReconciledDay(day=date(2026, 3, 2), added=1, asked_at=clock.now()))
    dora.language = "pt"
    db.session.commit()
    page = browser.get("/telephony/balance").text
    assert ("Completadas" in page, "Concluída em" in page) == (True, False)
