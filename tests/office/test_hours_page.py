"""The page of the opening hours."""

from collections.abc import Callable
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm_app.accounts.models import User
from crm_app.extensions import db
from crm_app.journal.models import JournalEntry
from crm_app.office import services

ClientOf = Callable[[User], FlaskClient]
PAGE = "/office/hours"
ZONE = "Europe/Lisbon"


@pytest.fixture
def browser(alice: User, client_of: ClientOf) -> FlaskClient:
    return client_of(alice)


def typed(**changes: str) -> dict[str, str]:
    return {**services.hours_as_texts(), **changes}


def test_the_usual_hours_hold_until_others_are_stored(app: Flask, browser: FlaskClient) -> None:
    page = browser.get(PAGE).text
    assert page.count('value="09:00-18:00"') == 5
    assert ZONE in page


def test_hours_and_holidays_are_stored_with_who_changed_what(
    app: Flask, browser: FlaskClient
) -> None:
    answer = browser.post(PAGE, data=typed(friday="9-13", holidays="2026-12-25"))
    assert answer.status_code == 303
    hours = services.opening_hours(ZONE)
    assert hours.week[4] == ((540, 780),)
    assert len(hours.holidays) == 1
    entry = db.session.scalars(db.select(JournalEntry)).one()
    assert entry.shown == {
        "friday": ["09:00-18:00", "09:00-13:00"],
        "holidays": ["", "2026-12-25"],
    }


def test_what_makes_no_sense_comes_back_with_what_was_typed(
    app: Flask, browser: FlaskClient
) -> None:
    answer = browser.post(PAGE, data=typed(monday="nine to five", holidays="2026-12-25"))
    assert answer.status_code == 422
    page = unescape(answer.text)
    assert "nine to five" in page
    assert "Type hours as 09:00-13:00, 14:00-18:00." in page
    assert "2026-12-25" in page
    assert services.hours_as_texts()["holidays"] == ""


def test_agents_and_managers_do_not_set_the_hours(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    assert client_of(bob).get(PAGE).status_code == 403
