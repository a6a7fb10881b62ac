"""How the counts of a report are read: what its page shows, in the order in which they are kept."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from flask_babel import force_locale, format_percent

from crm_app.accounts.models import User
from crm_app.calls.narrowing import office_hours
from crm_app.demo import make_user
from crm_app.extensions import db
from crm_app.reports import periods, services
from crm_app.reports.counting import OFFICE
from crm_app.reports.wording import percent
from tests.plans import plan_of
from tests.reports.story import MONDAY, NOW, answered, some_days

SignIn = Callable[[User], FlaskClient]
PARTS = 5


def count_all() -> None:
    """Do what the worker does, until nothing is left to count."""
    while services.write(services.prepare(office_hours())):
        db.session.commit()
    db.session.commit()


def test_counts_are_found_by_their_key_and_totals_added_up_in_its_order(
    app: Flask, bob: User
) -> None:
    with time_machine.travel(NOW, tick=False):
        some_days()
        db.session.commit()
        count_all()
        week = periods.named("week", NOW.date())
        plan = plan_of(
            lambda: services.read(week, OFFICE, [bob.id], office_hours()), of="UNION ALL"
        )
    if db.engine.dialect.name == "sqlite":
        # Not by an index that leads to the rows: the rows are in it.
        assert plan.count("SEARCH report_count USING PRIMARY KEY") == PARTS
        # By key are added up reactions, hours, and the lines of both periods.
        assert plan.count("USE TEMP B-TREE FOR GROUP BY") == 3
    else:
        assert len(re.findall(r"Index (?:Only )?Scan using pk_report_count", plan)) == PARTS
        assert "Seq Scan" not in plan


@pytest.mark.parametrize("is_counted_again", [False, True])
def test_days_of_both_periods_that_have_changed_are_counted_once(
    app: Flask, alice: User, bob: User, client_of: SignIn, is_counted_again: bool
) -> None:
    sunday = MONDAY - timedelta(days=1)
    with time_machine.travel(NOW, tick=False):
        manager = client_of(alice)
        make_user("Erin Agent", extension="102")
        for name, began in (("in_1", sunday), ("in_2", MONDAY)):
            answered(began, name, "101")
        db.session.commit()
        count_all()
    with time_machine.travel(NOW + timedelta(minutes=5), tick=False):
        count_all()
        for name, began in (("in_3", sunday), ("in_4", MONDAY), ("in_5", MONDAY)):
            answered(began + timedelta(hours=1), name, "101")
        db.session.commit()
        if is_counted_again:
            count_all()
        page = manager.get("/reports/calls?since=2026-03-16&until=2026-03-18").text
    tile = re.search(r'data-figure="Incoming calls">(\d+)</a><span[^>]*>([^<]*)<', page)
    assert tile
    assert tile.groups() == ("3", "before: 2 (+50 %)")


@pytest.mark.parametrize("locale", ["en_GB", "pt_PT"])
def test_a_percentage_is_written_as_the_language_writes_it(app: Flask, locale: str) -> None:
    shares = [part / whole for whole in (1, 3, 7, 8, 200, 400) for part in range(whole + 1)]
    with app.test_request_context(), force_locale(locale):
        assert [percent(share) for share in shares] == [format_percent(share) for share in shares]
        assert percent(None) == "–"
