"""Who is here, away until when with which deputy, or off shift."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from crm_app.accounts.models import User
from crm_app.accounts.presence import services
from crm_app.demo import make_user
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.journal.models import JournalEntry
from crm_app.office.services import FIELDS, change_hours
from tests.questions import questions

ClientOf = Callable[[User], FlaskClient]
LISBON = ZoneInfo("Europe/Lisbon")
MONDAY_NOON = datetime(2026, 3, 2, 12, tzinfo=LISBON)


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with time_machine.travel(MONDAY_NOON, tick=False):
        yield


def open_from_nine_to_six(by: User) -> None:
    hours = dict.fromkeys(FIELDS, "9-18") | {"saturday": "", "sunday": "", "holidays": ""}
    change_hours(hours, by)
    db.session.commit()


def test_everybody_is_here_until_somebody_says_otherwise(alice: User, bob: User) -> None:
    assert services.state_of(bob) == services.Presence("here")
    assert services.is_here(bob.id)
    assert not list(services.absent())


def test_who_is_away_is_away_until_the_moment_that_was_said(bob: User, carol: User) -> None:
    until = MONDAY_NOON + timedelta(hours=3)
    services.go_away(bob, bob, until, carol.id)
    assert services.state_of(bob) == services.Presence("away", until, carol)
    assert services.absent() == [bob]
    assert services.deputised_by(carol) == [bob]
    assert services.state_of(bob, until).kind == "here"
    assert not list(services.absent(until))
    assert services.deputised_by(carol, until) == []


def test_without_an_end_one_is_away_until_one_is_back(bob: User) -> None:
    services.go_away(bob, bob)
    assert services.state_of(bob, MONDAY_NOON + timedelta(days=100)).kind == "away"
    services.come_back(bob, bob)
    assert services.is_here(bob.id)


def test_nobody_is_off_shift_until_the_hours_are_set(alice: User, bob: User) -> None:
    night = MONDAY_NOON.replace(hour=23)
    assert services.state_of(bob, night).kind == "here"
    open_from_nine_to_six(alice)
    off = services.state_of(bob, night)
    assert (off.kind, off.until) == ("off_shift", MONDAY_NOON.replace(day=3, hour=9))
    assert services.state_of(bob).kind == "here"
    assert not services.is_here(bob.id, night)
    services.go_away(bob, bob)
    assert services.state_of(bob, night).kind == "away"


def test_a_deputy_who_cannot_sign_in_stands_in_for_nobody(bob: User, carol: User) -> None:
    services.go_away(bob, bob, None, carol.id)
    carol.active = False
    assert services.state_of(bob) == services.Presence("away")


def test_an_absence_that_makes_no_sense_is_refused(bob: User, carol: User) -> None:
    carol.active = False
    for until, deputy, code in (
        (MONDAY_NOON, None, "until_past"),
        (None, bob.id, "deputy_self"),
        (None, carol.id, "deputy_unknown"),
        (None, 999_999, "deputy_unknown"),
    ):
        with pytest.raises(InvalidInputError, match=code):
            services.go_away(bob, bob, until, deputy)
    assert services.is_here(bob.id)


def test_the_journal_says_who_was_away_and_who_said_so(bob: User, carol: User, dora: User) -> None:
    services.go_away(bob, dora, None, carol.id)
    services.go_away(bob, dora, None, carol.id)
    services.come_back(bob, bob)
    services.come_back(bob, bob)
    rows = db.session.scalars(select(JournalEntry).order_by(JournalEntry.id)).all()
    assert [(row.action, row.user_id) for row in rows] == [("away", dora.id), ("back", bob.id)]
    assert rows[0].changes["deputy"]["new"]["shown"] == "Carol Agent"


def test_one_click_in_the_menu_says_that_one_is_away_and_back(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    client = client_of(bob)
    assert 'data-action="away" data-presence="here"' in client.get("/account").text
    answer = client.post("/account/away", headers={"Referer": "http://localhost/tasks"})
    assert (answer.status_code, answer.location) == (303, "/tasks")
    assert services.state_of(bob).kind == "away"
    assert 'data-action="away" data-presence="away"' in client.get("/account").text
    client.post("/account/back")
    assert services.is_here(bob.id)


def test_one_says_until_when_and_who_stands_in(bob: User, carol: User, client_of: ClientOf) -> None:
    said = {"until_on": "2026-03-04", "until_time": "14:30", "deputy": str(carol.id)}
    client = client_of(bob)
    assert client.post("/account/away", data=said).status_code == 303
    now = services.state_of(bob)
    assert (now.until, now.deputy) == (datetime(2026, 3, 4, 14, 30, tzinfo=LISBON), carol)
    shown = client.get("/account/away").text
    assert 'value="2026-03-04"' in shown
    assert "Carol Agent stands in." in shown


def test_today_alone_means_the_rest_of_the_day(bob: User, client_of: ClientOf) -> None:
    client_of(bob).post("/account/away", data={"until_on": "2026-03-02"})
    assert services.state_of(bob).until == datetime(2026, 3, 3, tzinfo=LISBON)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"until_on": "2026-03-01"}, "This is over already."),
        ({"until_on": "9999-12-31"}, "more than a hundred years away"),
        ({"until_time": "14:30"}, "Choose the day too."),
        ({"deputy": "999999"}, "Not a valid choice"),
    ],
)
def test_the_page_says_what_is_wrong_with_an_absence(
    bob: User, client_of: ClientOf, said: dict[str, str], sentence: str
) -> None:
    answer = client_of(bob).post("/account/away", data=said)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert services.is_here(bob.id)


def test_a_manager_notes_an_absence_on_the_page_of_the_user(
    bob: User, carol: User, dora: User, client_of: ClientOf
) -> None:
    client = client_of(dora)
    assert f'href="/people/{bob.id}/card"' in client.get("/people").text
    assert "Away until…" in client.get(f"/people/{bob.id}/card").text
    said = {"until_on": "2026-03-04", "deputy": str(carol.id)}
    assert client.post(f"/people/{bob.id}/away", data=said).status_code == 303
    assert services.state_of(bob).deputy == carol
    assert "Carol Agent stands in." in client.get(f"/people/{bob.id}/card").text
    client.post(f"/people/{bob.id}/back")
    assert services.is_here(bob.id)


def test_an_agent_notes_nobodys_absence(bob: User, carol: User, client_of: ClientOf) -> None:
    client = client_of(bob)
    for path in ("card", "away", "back"):
        asked = client.get if path == "card" else client.post
        assert asked(f"/people/{carol.id}/{path}").status_code == 403
    assert client.get("/people").status_code == 403
    assert services.is_here(carol.id)


def test_a_managers_list_of_people_offers_no_change(dora: User, client_of: ClientOf) -> None:
    page = client_of(dora).get("/people").text
    assert "/people/new" not in page
    assert "/people/rights" not in page
    assert f'href="/people/{dora.id}"' not in page


def test_ones_own_mobile_is_kept_as_a_number_and_can_be_taken_away(
    alice: User, bob: User, client_of: ClientOf
) -> None:
    said = {"name": "Bob Agent", "language": "", "timezone": "", "theme": ""}
    client = client_of(bob)
    assert client.post("/account", data={**said, "mobile": "912 345 678"}).status_code == 303
    assert bob.mobile == "+351912345678"
    refused = client.post("/account", data={**said, "mobile": "16200"})
    assert (refused.status_code, "This number is too short." in refused.text) == (422, True)
    assert bob.mobile == "+351912345678"
    client.post("/account", data={**said, "mobile": ""})
    assert bob.mobile == ""
    change = {"name": bob.name, "email": bob.email, "role": "agent", "extension": "101"}
    client_of(alice).post(f"/people/{bob.id}", data={**change, "mobile": "+351 913 333 333"})
    assert bob.mobile == "+351913333333"


def test_the_choice_of_a_deputy_asks_once_for_all_colleagues(
    bob: User, dora: User, client_of: ClientOf
) -> None:
    client = client_of(bob)
    client.get("/account/away")
    with questions() as few:
        client.get("/account/away")
    for number in range(5):
        deputy = make_user(f"Deputy {number}")
        other = make_user(f"Other {number}")
        services.go_away(other, dora, deputy_id=deputy.id)
    db.session.commit()
    db.session.expunge_all()
    with questions() as many:
        page = client.get("/account/away").text
    assert "Other 4 (away)" in page
    assert len(many) <= len(few)
