"""The report on calls: each of its numbers is the number of calls in the list that it leads to."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from html import unescape

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from crm_app.accounts.models import User
from crm_app.calls.models import Call
from crm_app.calls.narrowing import office_hours
from crm_app.demo import make_contact, make_user
from crm_app.extensions import db
from crm_app.local_time import FIRST_DAY
from crm_app.reports import services
from crm_app.reports.models import ReportCount, ReportProgress
from tests.owed import perform
from tests.questions import questions
from tests.reports.story import (
    ANA,
    LINE,
    MONDAY,
    NOW,
    RUI,
    answered,
    missed,
    placed,
    some_days,
)

SignIn = Callable[[User], FlaskClient]
THIS_WEEK = "/reports/calls?period=week"
# A number that leads to calls, in a table or in a tile.
NUMBER = re.compile(r'<a [^>]*href="(/calls\?[^"]*)"[^>]*>(\d+)</a>')


@pytest.fixture(autouse=True)
def office(app: Flask, bob: User) -> Iterator[time_machine.Traveller]:
    """It is Wednesday; Bob has 101, Erin 102."""
    with time_machine.travel(NOW, tick=False) as traveller:
        make_user("Erin Agent", extension="102")
        db.session.commit()
        yield traveller


@pytest.fixture
def manager(alice: User, client_of: SignIn) -> FlaskClient:
    return client_of(alice)


def listed(client: FlaskClient, url: str) -> int:
    """Count the calls of a list."""
    answer = client.get(url)
    assert answer.status_code == 200
    assert 'rel="next"' not in answer.text
    return len(re.findall(r'<tr id="row-of-call-', answer.text))


def count_all() -> None:
    """Do what the worker does, until nothing is left to count."""
    while services.write(services.prepare(office_hours())):
        db.session.commit()
    db.session.commit()


def main_of(answer: TestResponse) -> str:
    """Cut the page's own part out of it."""
    return answer.text.partition("<main")[2].partition("</main>")[0]


def row_of(page: str, who: str) -> list[str]:
    """Read the cells of a colleague's line as they are shown."""
    found = re.search(rf'<tr data-colleague="{who}">(.*?)</tr>', page, re.DOTALL)
    assert found
    cells = re.findall(r"<td[^>]*>(.*?)</td>", found[1], re.DOTALL)
    return [re.sub(r"<[^>]+>", "", cell).strip() for cell in cells]


def reasons_in(page: str) -> dict[str, int]:
    found = re.findall(r'data-reason="([^"]+)".*?<td[^>]*>(.*?)</td>', page, re.DOTALL)
    return {code: int(re.sub(r"<[^>]+>", "", cell)) for code, cell in found}


class TestNumbers:
    @pytest.mark.parametrize(
        ("show", "is_counted"), [("incoming", False), ("missed", True), ("outgoing", True)]
    )
    def test_each_number_is_that_of_the_calls_that_it_leads_to(
        self, manager: FlaskClient, show: str, is_counted: bool
    ) -> None:
        some_days()
        if is_counted:
            count_all()
        page = manager.get(f"{THIS_WEEK}&show={show}").text
        numbers = NUMBER.findall(page)
        assert len(numbers) > 45
        wrong = [
            (url, number)
            for url, number in dict.fromkeys(numbers)
            if listed(manager, unescape(url)) != int(number)
        ]
        assert wrong == []

    def test_calls_without_a_line_are_numbers_with_links_too(self, manager: FlaskClient) -> None:
        some_days()
        answered(MONDAY, "in_20", "101", number=RUI, line="")
        db.session.commit()
        page = manager.get(THIS_WEEK).text
        row = page.partition("No line named")[2].partition("</tr>")[0]
        numbers = NUMBER.findall(row)
        assert [int(number) for _url, number in numbers] == [1, 1, 4]
        assert all("line=none" in url for url, _number in numbers)
        assert [listed(manager, unescape(url)) for url, _number in numbers] == [1, 1, 4]

    def test_each_share_of_reactions_is_that_of_the_calls_it_leads_to(
        self, manager: FlaskClient
    ) -> None:
        some_days()
        page = manager.get(THIS_WEEK).text
        shares = re.findall(r'href="(/calls\?[^"]*)" title="(\d+) / \d+"', page)
        assert len(shares) > 6
        assert [url for url, part in shares if listed(manager, unescape(url)) != int(part)] == []

    def test_it_is_the_same_whether_the_worker_has_counted_or_not(
        self, manager: FlaskClient
    ) -> None:
        some_days()
        live = manager.get(THIS_WEEK)
        count_all()
        with time_machine.travel(NOW + timedelta(minutes=5), tick=False):
            count_all()
            with questions() as asked:
                assert main_of(manager.get(THIS_WEEK)) == main_of(live)
            assert not [one for one in asked if "FROM call_leg" in one]

    def test_it_says_what_each_colleague_did(self, manager: FlaskClient, bob: User) -> None:
        some_days()
        row = row_of(manager.get(THIS_WEEK).text, str(bob.id))
        # Of eight calls at his phone he answered three and nobody four; he talked 60 seconds in
        # each of the three, and 45 in one that he placed.
        assert row[:8] == ["8", "3", "4", "43%", "2", "1", "3:50", "0:58"]
        # Of four missed clients one was talked with after ten minutes, two the same day.
        assert row[8:] == ["2 h 0 min", "2 h 59 min", "25%", "25%", "75%", "25%"]

    def test_it_says_why_calls_were_missed(self, manager: FlaskClient) -> None:
        some_days()
        assert reasons_in(manager.get(THIS_WEEK).text) == {
            "gave_up": 3, "gave_up-0": 1, "gave_up-5": 1, "gave_up-15": 1, "blocked": 1,
            "no_money": 1, "limit": 1, "closed": 1, "busy": 1, "no_phone": 1, "early": 1,
            "no_answer": 1,
        }  # fmt: skip

    def test_it_compares_with_the_days_before(self, manager: FlaskClient) -> None:
        for day in (0, 7, 8):
            answered(MONDAY - timedelta(days=day), f"in_{day}", "101")
        db.session.commit()
        page = manager.get("/reports/calls?since=2026-03-10&until=2026-03-16").text
        assert "before: 2 (-50 %)" in page

    @pytest.mark.parametrize(
        "days", ["since=9999-12-31&until=9999-12-31", "since=0001-01-01&until=0001-01-01"]
    )
    def test_days_before_and_after_all_calendars_are_never_refused(
        self, manager: FlaskClient, days: str
    ) -> None:
        answered(MONDAY, "in_1", "101")
        db.session.commit()
        for path in ("/reports/calls", "/reports/calls.csv"):
            assert manager.get(f"{path}?{days}&table=days").status_code == 200

    def test_a_talk_changes_the_day_on_which_its_client_was_missed(
        self, manager: FlaskClient
    ) -> None:
        missed(MONDAY, "in_1", "101")
        db.session.commit()
        count_all()
        with time_machine.travel(NOW + timedelta(minutes=5), tick=False):
            count_all()
            assert row_of(manager.get(THIS_WEEK).text, "0")[-1] == "100%"
            db.session.rollback()
            placed(NOW, "out_1", "101", seconds=30)
            db.session.commit()
            for _ in range(2):
                cells = row_of(manager.get(THIS_WEEK).text, "0")
                assert cells[9] == "2 d 5 h"
                assert cells[-1] == "0%"
                db.session.rollback()
                count_all()

    def test_a_talk_with_another_number_of_the_client_counts(self, manager: FlaskClient) -> None:
        make_contact("Ana Sousa", phones=(ANA, RUI))
        missed(MONDAY, "in_1", "101")
        placed(MONDAY + timedelta(minutes=5), "out_1", "101", RUI, seconds=30)
        db.session.commit()
        assert row_of(manager.get(THIS_WEEK).text, "0")[-4:] == ["100%", "100%", "100%", "0%"]
        url = "/calls?part=missed&reached=15min&clock=office"
        assert listed(manager, url) == 1

    def test_hours_are_those_of_the_office_when_clocks_are_put_forward(
        self, manager: FlaskClient, alice: User
    ) -> None:
        alice.timezone = "America/Sao_Paulo"
        # Lisbon: 00:30 on Sunday 29 March, then 02:30 after an hour that there is not.
        answered(MONDAY.replace(day=29, hour=0, minute=30), "in_1", "101")
        answered(MONDAY.replace(day=29, hour=1, minute=30), "in_2", "101")
        db.session.commit()
        page = manager.get("/reports/calls?since=2026-03-29&until=2026-03-29").text
        hours = {
            found[1]: unescape(url)
            for url, _number in NUMBER.findall(page)
            if (found := re.search("hour=([0-9]+)", url))
        }
        assert sorted(hours) == ["0", "2"]
        assert [listed(manager, url) for url in hours.values()] == [1, 1]


class TestWhoSeesWhat:
    def test_an_agent_sees_their_own_numbers_and_no_others(
        self, bob: User, carol: User, client_of: SignIn
    ) -> None:
        some_days()
        page = client_of(bob).get(f"{THIS_WEEK}&user={carol.id}").text
        assert re.findall(r'data-colleague="(\d+)"', page) == [str(bob.id)]
        assert "Erin Agent" not in page.split("<main")[1]
        numbers = NUMBER.findall(page)
        assert numbers
        assert all(f"user={bob.id}" in unescape(url) for url, _ in numbers)
        bobs = client_of(bob)
        assert [u for u, n in set(numbers) if listed(bobs, unescape(u)) != int(n)] == []

    def test_an_agent_gets_no_file_of_others(self, bob: User, client_of: SignIn) -> None:
        some_days()
        text = client_of(bob).get("/reports/calls.csv?period=week&table=colleagues").text
        assert "Bob Agent" in text
        assert "Erin" not in text
        assert "The office" not in text

    def test_a_manager_looks_at_one_colleague(self, manager: FlaskClient, bob: User) -> None:
        some_days()
        page = manager.get(f"{THIS_WEEK}&user={bob.id}").text
        assert re.findall(r'data-colleague="(\d+)"', page) == [str(bob.id)]


class TestFiles:
    @pytest.mark.parametrize("table", ["colleagues", "days", "hours", "lines", "reasons"])
    def test_each_table_is_a_file(self, manager: FlaskClient, table: str) -> None:
        some_days()
        answer = manager.get(f"/reports/calls.csv?period=week&table={table}")
        assert answer.mimetype == "text/csv"
        assert answer.text.startswith("\ufeff")
        assert len(answer.text.splitlines()) > 1

    def test_no_cell_is_taken_for_a_formula(self, manager: FlaskClient, bob: User) -> None:
        bob.name = "=HYPERLINK(1)"
        some_days()
        text = manager.get("/reports/calls.csv?period=week&table=colleagues").text
        assert "'=HYPERLINK(1)" in text
        assert "\n=" not in text

    def test_columns_are_divided_by_semicolons_where_the_comma_is_decimal(
        self, manager: FlaskClient, alice: User
    ) -> None:
        alice.language = "pt"
        some_days()
        assert ";0,4286;" in manager.get("/reports/calls.csv?period=week&table=colleagues").text


class TestCounting:
    def test_the_worker_counts_a_log_in_steps(
        self, monkeypatch: pytest.MonkeyPatch, manager: FlaskClient
    ) -> None:
        monkeypatch.setattr(services, "COUNTED_AT_ONCE", 2)
        some_days()
        answered(MONDAY - timedelta(days=300), "in_old", "101")
        db.session.commit()
        before = manager.get("/reports/calls?since=2025-01-01&until=2026-03-18")
        steps = 1
        while services.write(services.prepare(office_hours())):
            steps += 1
            page = manager.get("/reports/calls?since=2025-01-01&until=2026-03-18")
            assert main_of(page) == main_of(before)
        assert steps > 3

    def test_other_opening_hours_count_all_again(self, manager: FlaskClient, alice: User) -> None:
        from crm_app.office.services import change_hours, hours_as_texts

        some_days()
        count_all()
        change_hours({**hours_as_texts(), "tuesday": "00:00-24:00"}, alice)
        db.session.commit()
        assert "closed" not in reasons_in(manager.get(THIS_WEEK).text)
        count_all()
        page = manager.get(THIS_WEEK).text
        assert "closed" not in reasons_in(page)
        assert reasons_in(page)["gave_up"] == 4

    def test_a_log_that_is_recomputed_is_counted_again(self, manager: FlaskClient) -> None:
        some_days()
        count_all()
        db.session.execute(db.delete(db.metadata.tables["call_leg"]))
        db.session.execute(db.delete(db.metadata.tables["call_fact"]))
        db.session.commit()
        from crm_app.calls.store import upkeep

        upkeep.rebuild(db.session, rest=lambda _s: None)
        assert db.session.scalar(db.select(db.func.count()).select_from(Call)) == 0
        assert "No calls in these days" in manager.get(THIS_WEEK).text

    def test_a_page_does_not_wait_for_thousands_that_are_not_counted(
        self, monkeypatch: pytest.MonkeyPatch, manager: FlaskClient
    ) -> None:
        count_all()
        monkeypatch.setattr(services, "COUNTED_LIVE", 3)
        some_days()
        page = manager.get(THIS_WEEK).text
        assert "Counted at 15:30" in page
        with time_machine.travel(NOW + timedelta(minutes=11), tick=False):
            # The worker is gone: better slow than wrong.
            page = manager.get(THIS_WEEK).text
        assert "Counted at" not in page
        assert reasons_in(page)["gave_up"] == 3

    def test_how_many_questions_are_asked_does_not_depend_on_the_calls(
        self, manager: FlaskClient
    ) -> None:
        answered(MONDAY, "in_first", "101")
        db.session.commit()
        manager.get(THIS_WEEK)
        with questions() as few:
            manager.get(THIS_WEEK)
        some_days()
        with questions() as many:
            manager.get(THIS_WEEK)
        assert len(few) == len(many)

    def test_what_was_counted_is_left_out_when_all_was_forgotten_meanwhile(self) -> None:
        some_days()
        count_all()
        step = services.prepare(office_hours())
        services.forget()
        db.session.commit()
        assert services.write(step)
        assert db.session.scalar(db.select(db.func.count()).select_from(ReportCount)) == 0

    def test_the_worker_does_it_every_minute(self, manager: FlaskClient) -> None:
        some_days()
        for _ in range(3):
            perform("count_calls")
        assert db.session.get_one(ReportProgress, 1).counted_from == FIRST_DAY

    def test_every_way_of_counting_is_kept(self) -> None:
        some_days()
        count_all()
        kinds = set(db.session.scalars(db.select(ReportCount.kind)))
        assert kinds == {"total", "hour", "line", "reason", "reached", "worst"}
        assert db.session.scalar(
            db.select(ReportCount.incoming).where(
                ReportCount.kind == "line", ReportCount.key == LINE,
                ReportCount.whose == 0, ReportCount.day == MONDAY.date(),
            )
        ) == 3  # fmt: skip
