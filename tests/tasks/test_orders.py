"""The list of tasks by the day they are due, or all that is to be done with the newest first."""

import re
from datetime import date, timedelta
from html import unescape

import pytest
import time_machine

from crm_app import clock
from crm_app.accounts.rights import Verb, allowed
from crm_app.demo import make_task
from crm_app.extensions import db
from crm_app.local_time import LocalTime
from crm_app.records.bin import put_in_bin
from crm_app.tasks import services
from crm_app.tasks.listing import TaskFilter, newest
from crm_app.tasks.models import Task
from tests.plans import cursor_of, plan_of

LONG_AGO = cursor_of("2000-01-01T00:00:00+00:00", 1)


def shown(page: str) -> list[str]:
    return re.findall(r'href="/tasks/\d+">([^<]+)</a>', page)


@pytest.fixture
def tasks(bob, carol):
    start = clock.now() - timedelta(days=9)
    made = []
    days = (None, date(2020, 1, 1), date(2030, 1, 1), None, date(2025, 1, 1))
    for number, due_on in enumerate(days):
        with time_machine.travel(start + timedelta(days=number), tick=False):
            due = {"due_on": due_on} if due_on else {}
            made.append(make_task(f"Task {number}", assignee_id=bob.id, **due))
    make_task("Hers", assignee_id=carol.id)
    services.complete(made[3], bob)
    db.session.commit()
    return made


def test_it_puts_the_newest_first_when_asked(client_of, bob, tasks):
    client = client_of(bob)
    by_due = ["Task 1", "Task 4", "Task 2", "Task 0", "Task 3"]
    assert shown(client.get("/tasks").text) == by_due
    assert shown(client.get("/tasks?sort=nonsense").text) == by_due
    page = client.get("/tasks?sort=newest").text
    assert shown(page) == ["Task 4", "Task 2", "Task 1", "Task 0"]
    assert '<option value="newest" selected>' in page
    assert "To do, the newest first" in page
    everybodys = shown(client.get("/tasks?sort=newest&assignee=all&group=done").text)
    assert everybodys == ["Hers", "Task 4", "Task 2", "Task 1", "Task 0"]


def test_it_pages_through_the_newest(client_of, bob):
    for number in range(120):
        make_task(f"Task {number}", assignee_id=bob.id)
    client, seen, url = client_of(bob), [], "/tasks?sort=newest"
    while url:
        page = client.get(url).text
        seen += shown(page)
        forward = re.search(r'rel="next" href="([^"]+)"', page)
        url = unescape(forward.group(1)) if forward else ""
        assert not url or "sort=newest" in url
    assert seen == [f"Task {number}" for number in range(119, -1, -1)]


@pytest.mark.parametrize(
    ("assignee", "index"), [("all", "ix_task_newest"), ("me", "ix_task_newest_assignee")]
)
@pytest.mark.parametrize("cursor", ["", LONG_AGO])
def test_it_reads_the_newest_by_an_index(app, bob, assignee, index, cursor):
    tasks = allowed(bob, Task, Verb.VIEW).where(
        *TaskFilter(assignee=assignee).conditions(bob, LocalTime.of("UTC"))
    )
    plan = plan_of(lambda: newest(tasks, cursor))
    # PostgreSQL chooses between the two by the numbers of rows, which are none here.
    exact = rf"{index}\b" if db.engine.dialect.name == "sqlite" else "ix_task_newest"
    assert re.search(exact, plan), plan
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize("address", ["/tasks?sort=newest", "/tasks?group=someday", "/tasks/bin"])
def test_it_leads_back_from_a_page_past_its_end(client_of, bob, address):
    task = make_task("Call", assignee_id=bob.id)
    if address == "/tasks/bin":
        put_in_bin(task, bob)
        db.session.commit()
    cursor = cursor_of(0) if "someday" in address else LONG_AGO
    sign = "&" if "?" in address else "?"
    page = client_of(bob).get(f"{address}{sign}cursor={cursor}").text
    assert shown(page) == []
    assert "Nothing on this page" in page
    assert f'href="{address}"' in page.replace("&amp;", "&")
    assert "Nothing to do" not in page
    assert "The bin is empty" not in page


def test_it_takes_no_step_of_the_browser_back_for_each_filter(client_of, bob):
    page = client_of(bob).get("/tasks").text
    assert 'hx-replace-url="true"' in page
    assert "hx-push-url" not in page
