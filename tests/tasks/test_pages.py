"""The pages of tasks: groups, one click, one line, the form, the boxes, the bin."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from html import unescape

import pytest
import time_machine
from sqlalchemy import select

from crm_app import clock
from crm_app.accounts.services import change_office
from crm_app.demo import make_contact, make_lead, make_task
from crm_app.extensions import db
from crm_app.records.bin import put_in_bin
from crm_app.tasks import services
from crm_app.tasks.fields import TaskDraft
from crm_app.tasks.models import Task, on_day
from tests.questions import questions

HTMX = {"HX-Request": "true"}
MONDAY = "2026-03-02 10:00:00Z"


def shown(page: str) -> list[str]:
    return re.findall(r'href="/tasks/\d+">([^<]+)</a>', page)


def grouped(page: str) -> dict[str, list[str]]:
    parts = re.split(r'id="group-(\w+)"', page)
    return {name: shown(part) for name, part in zip(parts[1::2], parts[2::2], strict=True)}


def fields(page: str) -> dict[str, str]:
    """Read what the task's form shows, as a browser would send it back."""
    form = page[page.index("novalidate>") :]
    pattern = r'<input[^>]*name="(version|base|title|due_on|due_time|back)"[^>]*value="([^"]*)"'
    chosen = re.search(r'name="assignee_id".*?option selected value="(\d*)"', form, re.S)
    return {name: unescape(value) for name, value in re.findall(pattern, form)} | {
        "assignee_id": chosen.group(1) if chosen else ""
    }


def href(page: str, words: str) -> str:
    """Give the address that a link with these words leads to."""
    link = re.search(rf'<a [^>]*href="([^"]*)"[^>]*>(?:<svg.*?</svg>)?{words}', page)
    return unescape(link.group(1)) if link else ""


def newest() -> Task:
    return db.session.scalars(select(Task).order_by(Task.id.desc())).first()


@time_machine.travel(MONDAY, tick=False)
def test_it_groups_my_tasks_by_when_they_are_due(client_of, bob, carol):
    today, mine = clock.today(), {"assignee_id": bob.id}
    make_task("Late", due_on=today - timedelta(days=1), **mine)
    make_task("Now", due_on=today, **mine)
    make_task("Soon", due_at=clock.now() + timedelta(days=3), has_time=True, **mine)
    make_task("Some day", **mine)
    make_task("Hers", due_on=today, assignee_id=carol.id)
    services.complete(make_task("Did it", **mine), bob)
    db.session.commit()
    page = client_of(bob).get("/tasks").text
    assert grouped(page) == {
        "overdue": ["Late"],
        "today": ["Now"],
        "upcoming": ["Soon"],
        "someday": ["Some day"],
        "done": ["Did it"],
    }
    assert "yesterday" in page
    assert "5 Mar" in page


@time_machine.travel(MONDAY, tick=False)
def test_it_shows_times_in_the_users_own_zone(client_of, bob):
    bob.timezone = "America/Sao_Paulo"
    make_task("Late", due_at=datetime(2026, 3, 2, 9, tzinfo=UTC), has_time=True, assignee_id=bob.id)
    make_task("Tonight", due_at=datetime(2026, 3, 3, 1, tzinfo=UTC), has_time=True,
              assignee_id=bob.id)  # fmt: skip
    page = client_of(bob).get("/tasks").text
    assert grouped(page) == {"overdue": ["Late"], "today": ["Tonight"]}
    assert "today 22:00" in page


def test_it_is_narrowed_by_its_address(client_of, bob, carol):
    contact = make_contact("João Silva")
    make_task("Mine", assignee_id=bob.id, contact_id=contact.id)
    make_task("Hers", assignee_id=carol.id)
    make_task("Nobody's")
    client = client_of(bob)
    assert sorted(shown(client.get("/tasks?assignee=all").text)) == ["Hers", "Mine", "Nobody&#39;s"]
    assert shown(client.get("/tasks?assignee=nobody").text) == ["Nobody&#39;s"]
    assert shown(client.get(f"/tasks?assignee={carol.id}").text) == ["Hers"]
    assert shown(client.get(f"/tasks?assignee=all&contact={contact.id}").text) == ["Mine"]
    assert shown(client.get(f"/tasks?assignee={carol.id}&contact={contact.id}").text) == []
    assert shown(client.get("/tasks?assignee=nonsense&contact=99999999999").text) == ["Mine"]
    assert client.get("/tasks?group=nonsense").status_code == 200


def test_it_shows_a_restricted_agent_only_own(client_of, alice, bob, carol):
    make_task("Mine", assignee_id=bob.id)
    hers = make_task("Hers", assignee_id=carol.id)
    change_office("", restricts_agents=True, by=alice)
    db.session.commit()
    client = client_of(bob)
    assert shown(client.get("/tasks?assignee=all").text) == ["Mine"]
    assert client.post(f"/tasks/{hers.id}/complete").status_code == 404
    assert client.get(f"/tasks/{hers.id}").status_code == 404


def test_it_pages_a_long_group_by_key(client_of, bob):
    for number in range(120):
        make_task(f"Task {number}", due_on=date(2020, 1, 1), assignee_id=bob.id)
    client = client_of(bob)
    page = client.get("/tasks").text
    assert len(grouped(page)["overdue"]) == 20
    url, seen = "/tasks?group=overdue", []
    assert url in page
    while url:
        page = client.get(url).text
        seen += shown(page)
        forward = re.search(r'rel="next" href="([^"]+)"', page)
        url = unescape(forward.group(1)) if forward else ""
    assert seen == [f"Task {number}" for number in range(120)]


def test_it_is_done_in_one_click_with_undo(client_of, bob):
    task = make_task("Call João", assignee_id=bob.id)
    client = client_of(bob)
    row = client.post(f"/tasks/{task.id}/complete", headers=HTMX).text
    assert task.is_done
    assert 'aria-checked="true"' in row
    assert "Done: Call João" in row
    assert "<html" not in row
    undo = re.search(r'action="(/tasks/\d+/reopen)"', row[row.index("hx-partial") :]).group(1)
    answer = client.post(undo, headers={"Referer": "http://localhost/tasks?assignee=all"})
    assert (answer.status_code, answer.location) == (303, "/tasks?assignee=all")
    db.session.refresh(task)
    assert not task.is_done


def test_it_is_done_without_scripts_and_goes_back_where_it_was(client_of, bob):
    task = make_task("Call", assignee_id=bob.id)
    answer = client_of(bob).post(
        f"/tasks/{task.id}/complete", headers={"Referer": "http://localhost/leads/7"}
    )
    assert (answer.status_code, answer.location) == (303, "/leads/7")
    stranger = client_of(bob).post(
        f"/tasks/{task.id}/reopen", headers={"Referer": "http://evil.example/tasks"}
    )
    assert stranger.location == "/tasks"


@time_machine.travel("2026-03-07 23:30:00Z", tick=False)  # Saturday night
@pytest.mark.parametrize(
    ("zone", "chip", "due"),
    [
        ("Europe/Lisbon", "", None),
        ("Europe/Lisbon", "today", date(2026, 3, 7)),
        ("Europe/Lisbon", "tomorrow", date(2026, 3, 8)),
        ("Europe/Lisbon", "monday", date(2026, 3, 9)),
        ("Europe/Lisbon", "week", date(2026, 3, 14)),
        ("Asia/Tokyo", "today", date(2026, 3, 8)),
        ("Asia/Tokyo", "monday", date(2026, 3, 9)),
    ],
)
def test_it_is_added_in_one_line(client_of, bob, zone, chip, due):
    bob.timezone = zone
    db.session.commit()
    answer = client_of(bob).post("/tasks?assignee=all", data={"title": " Call ", "due": chip})
    assert (answer.status_code, answer.location) == (303, "/tasks?assignee=all")
    task = newest()
    assert (task.title, task.due_day, task.assignee) == ("Call", due, bob)


def test_it_adds_in_place_with_htmx(client_of, bob):
    client = client_of(bob)
    page = client.post("/tasks", data={"title": "Call", "due": "today"}, headers=HTMX).text
    assert grouped(page) == {"today": ["Call"]}
    assert "<html" not in page
    assert "The task was added." in page
    refused = client.post("/tasks", data={"title": " ", "due": "week"}, headers=HTMX)
    assert refused.status_code == 422
    assert "This field is required." in refused.text
    assert re.search(r'value="week"[^>]*checked', refused.text)


@pytest.mark.parametrize(
    ("day", "time", "due"),
    [
        ("2026-01-15", "09:30", datetime(2026, 1, 15, 9, 30, tzinfo=UTC)),
        ("2026-07-15", "09:30", datetime(2026, 7, 15, 8, 30, tzinfo=UTC)),
        ("2026-01-15", "14:30:00", datetime(2026, 1, 15, 14, 30, tzinfo=UTC)),
        ("2026-01-15", "14:30:59", datetime(2026, 1, 15, 14, 30, tzinfo=UTC)),
        ("2026-01-15", "14:30:00.000", datetime(2026, 1, 15, 14, 30, tzinfo=UTC)),
        ("2026-01-15", "9:05", datetime(2026, 1, 15, 9, 5, tzinfo=UTC)),
        # Summer time begins: 01:30 is not on the clock that night; it ends: 01:30 is there twice.
        ("2026-03-29", "01:30", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        ("2026-10-25", "01:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    ],
)
def test_it_understands_times_in_the_users_zone(client_of, bob, day, time, due):
    bob.timezone = "Europe/Lisbon"
    db.session.commit()
    client = client_of(bob)
    data = {"title": "Call", "due_on": day, "due_time": time, "assignee_id": "", "lead_id": ""}
    assert client.post("/tasks/new", data=data).status_code == 303
    task = newest()
    assert (task.due_at, task.has_time) == (due, True)
    page = client.get(f"/tasks/{task.id}/edit").text
    sent_back = client.post(f"/tasks/{task.id}/edit", data=fields(page))
    assert sent_back.status_code == 303
    db.session.refresh(task)
    assert (task.due_at, task.version) == (due, 1)


def test_it_keeps_a_due_time_exact_that_nobody_touched(client_of, bob):
    bob.timezone = "Europe/Lisbon"
    # The second 01:30 of the night in which summer time ends, and some seconds.
    due = datetime(2026, 10, 25, 1, 30, 42, tzinfo=UTC)
    task = make_task("Call", due_at=due, has_time=True)
    client = client_of(bob)
    data = fields(client.get(f"/tasks/{task.id}/edit").text) | {"title": "Ring"}
    client.post(f"/tasks/{task.id}/edit", data=data)
    db.session.refresh(task)
    assert (task.title, task.due_at) == ("Ring", due)


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ({"title": ""}, "This field is required."),
        ({"due_on": "2026-02-30"}, "Not a valid date value."),
        ({"due_on": "0001-01-01"}, "There is no such day in our calendar."),
        ({"due_time": "09:30"}, "Choose the day too."),
        ({"due_on": "2026-03-01", "due_time": "25:00"}, "Not a valid time value."),
        ({"assignee_id": "999"}, "Not a valid choice"),
        ({"lead_id": "999"}, "Not a valid choice"),
        ({"contact_id": "999"}, "This contact cannot be chosen."),
    ],
)
def test_it_says_what_is_wrong_and_keeps_what_was_typed(client_of, bob, typed, complaint):
    data = {"title": "Call", "about": "my own words", "assignee_id": "", "lead_id": ""} | typed
    answer = client_of(bob).post("/tasks/new", data=data)
    assert answer.status_code == 422
    assert complaint in answer.text
    assert "my own words" in answer.text
    assert newest() is None


def test_it_is_made_for_a_lead_and_its_contact(client_of, bob):
    contact = make_contact("João Silva")
    lead = make_lead("Roof", contact_id=contact.id)
    client = client_of(bob)
    page = client.get(f"/tasks/new?lead_id={lead.id}&due=tomorrow").text
    assert re.search(rf'value="{contact.id}" checked', page)
    assert re.search(rf'<option selected value="{lead.id}">Roof', page)
    data = {"title": "Measure", "assignee_id": str(bob.id), "lead_id": lead.id, "back": "/leads/1"}
    answer = client.post("/tasks/new", data=data)
    assert answer.location == "/leads/1"
    assert (newest().contact, newest().lead) == (contact, lead)
    away = client.post("/tasks/new", data=data | {"back": "//evil.example"})
    assert away.location == "/tasks"


def test_it_tells_the_second_editor_and_loses_nothing(client_of, bob, carol):
    task = make_task("Call", due_on=date(2026, 3, 2), assignee_id=bob.id)
    bobs, url = client_of(bob), f"/tasks/{task.id}/edit"
    seen = fields(bobs.get(url).text)
    services.update_task(task, TaskDraft(due_at=on_day(date(2026, 3, 9)), has_time=False), carol)
    db.session.commit()
    second = bobs.post(url, data=seen | {"title": "Call twice"})
    assert second.status_code == 409
    assert "Carol Agent" in second.text
    offered = fields(second.text)
    assert (offered["title"], offered["due_on"]) == ("Call twice", "2026-03-09")
    db.session.expire_all()
    assert task.title == "Call"
    assert bobs.post(url, data=offered).status_code == 303
    db.session.expire_all()
    assert (task.title, task.due_day) == ("Call twice", date(2026, 3, 9))


def test_it_does_not_lose_an_edit_of_what_went_to_the_bin_meanwhile(client_of, bob, carol):
    task, client = make_task("Call", assignee_id=bob.id), client_of(bob)
    url = f"/tasks/{task.id}/edit"
    seen = fields(client.get(url).text)
    put_in_bin(task, carol)
    db.session.commit()
    told = client.post(url, data=seen | {"title": "Call twice", "about": "much typed text"})
    assert told.status_code == 409
    assert "put the task in the bin" in told.text
    assert "The task is in the bin now. Saving takes it out again." in told.text
    assert "much typed text" in told.text
    db.session.refresh(task)
    assert (task.title, task.deleted_at is None) == ("Call", False)
    saved = client.post(url, data=fields(told.text) | {"about": "much typed text"})
    assert saved.status_code == 303
    db.session.refresh(task)
    assert (task.title, task.about, task.deleted_at) == ("Call twice", "much typed text", None)


def test_it_takes_a_second_click_on_save_for_the_first(client_of, bob):
    lead = make_lead("Roof", contact_id=make_contact("João Silva").id, responsible_id=bob.id)
    task, client = make_task("Call", assignee_id=bob.id), client_of(bob)
    url = f"/tasks/{task.id}/edit"
    # With the lead comes its contact.
    typed = fields(client.get(url).text)
    typed |= {"title": " Call twice ", "contact_id": "", "lead_id": str(lead.id)}
    assert [client.post(url, data=typed).status_code for _ in range(2)] == [303, 303]
    db.session.refresh(task)
    assert (task.title, task.contact, task.version) == ("Call twice", lead.contact, 2)


def test_it_goes_to_the_list_from_a_task_that_was_given_away(client_of, alice, bob, carol):
    change_office("", restricts_agents=True, by=alice)
    task = make_task("Call", assignee_id=bob.id, created_by_id=alice.id)
    client, url = client_of(bob), f"/tasks/{task.id}/edit"
    page = client.get(url, headers={"Referer": f"http://localhost/tasks/{task.id}"}).text
    given = fields(page) | {"assignee_id": str(carol.id)}
    assert given["back"] == f"/tasks/{task.id}"
    answer = client.post(url, data=given, follow_redirects=True)
    assert (answer.status_code, answer.request.path) == (200, "/tasks")
    assert "The task was saved." in answer.text


def test_it_lets_one_of_two_win_who_save_in_the_same_moment(client_of, bob, carol):
    task = make_task("Call")
    url, data = f"/tasks/{task.id}/edit", {"assignee_id": "", "lead_id": "", "version": "1"}
    clients = [client_of(user) for user in (bob, carol) * 2]
    db.session.rollback()
    start = threading.Barrier(len(clients))

    def save(number: int) -> int:
        start.wait(60)
        return clients[number].post(url, data=data | {"title": f"Call {number}"}).status_code

    with ThreadPoolExecutor(len(clients)) as pool:
        codes = sorted(pool.map(save, range(len(clients))))
    assert codes == [303, 409, 409, 409]
    db.session.refresh(task)
    assert task.version == 2


def test_it_tells_that_somebody_ticked_it_off_meanwhile(client_of, bob, carol):
    task = make_task("Call", assignee_id=bob.id)
    client, url = client_of(bob), f"/tasks/{task.id}/edit"
    seen = fields(client.get(url).text)
    services.complete(task, carol)
    db.session.commit()
    second = client.post(url, data=seen | {"title": "Call twice"})
    assert second.status_code == 409
    assert "completed the task" in second.text


def test_it_goes_to_the_bin_and_comes_back(client_of, bob):
    task = make_task("Call", assignee_id=bob.id)
    client = client_of(bob)
    page = client.post(f"/tasks/{task.id}/delete", follow_redirects=True).text
    assert f"/tasks/{task.id}/restore" in page
    assert shown(page) == []
    assert "Call" in client.get("/tasks/bin").text
    assert "in the bin" in client.get(f"/tasks/{task.id}").text
    assert client.post(f"/tasks/{task.id}/complete").status_code == 404
    client.post(f"/tasks/{task.id}/restore")
    assert shown(client.get("/tasks").text) == ["Call"]


@pytest.mark.parametrize("within", ["contact", "lead"])
def test_it_is_a_box_with_a_line_to_add(client_of, bob, within):
    contact = make_contact("João Silva")
    lead = make_lead("Roof", contact_id=contact.id)
    subject = contact if within == "contact" else lead
    make_task("Elsewhere")
    client, url = client_of(bob), f"/tasks/for-{within}/{subject.id}"
    box = client.post(url, data={"title": "Call", "due": "today"}, headers=HTMX).text
    assert shown(box) == ["Call"]
    assert "<html" not in box
    task = newest()
    assert task.contact == contact
    assert task.lead == (lead if within == "lead" else None)
    assert shown(client.get(url).text) == ["Call"]
    assert client.post(url, data={"title": ""}, headers=HTMX).status_code == 422
    back = {"Referer": f"http://localhost/{within}s/{subject.id}"}
    answer = client.post(url, data={"title": "More", "due": ""}, headers=back)
    assert (answer.status_code, answer.location) == (303, f"/{within}s/{subject.id}")
    row = client.post(f"/tasks/{task.id}/complete?within={within}", headers=HTMX).text
    repeated = "João Silva" if within == "contact" else "Roof"
    assert repeated not in row
    assert client.get(f"/tasks/for-{within}/999").status_code == 404


@pytest.mark.parametrize("within", ["contact", "lead"])
def test_it_is_added_to_what_went_to_the_bin_while_it_was_typed(client_of, bob, carol, within):
    contact, lead = make_contact("João Silva"), make_lead("Roof")
    client = client_of(bob)
    url = f"/tasks/for-{within}/{contact.id if within == 'contact' else lead.id}"
    assert client.get(url).status_code == 200
    put_in_bin(contact, carol)
    put_in_bin(lead, carol)
    db.session.commit()
    box = client.post(url, data={"title": "Call", "due": "today"}, headers=HTMX)
    assert box.status_code == 200
    assert shown(box.text) == ["Call"]
    assert client.get(url).status_code == 404


def test_it_is_the_list_of_one_client_with_a_way_out(client_of, bob, carol):
    contact = make_contact("João Silva", responsible_id=bob.id)
    for number in range(60):
        make_task(f"Task {number}", due_on=date(2020, 1, 1), contact_id=contact.id,
                  assignee_id=(bob if number % 2 else carol).id)  # fmt: skip
    make_task("Elsewhere", due_on=date(2020, 1, 1), assignee_id=bob.id)
    client, url = client_of(bob), f"/tasks?contact={contact.id}"
    page = client.get(url).text
    assert "Tasks for João Silva" in page
    assert shown(page) == [f"Task {number}" for number in range(20)]
    assert '<option value="all" selected>' in page
    assert f'name="contact" value="{contact.id}"' in page
    assert href(page, "Show all of these") == f"{url}&group=overdue"
    page = client.get(f"{url}&group=overdue&assignee=all").text
    further = unescape(re.search(r'rel="next" href="([^"]+)"', page).group(1))
    rest = client.get(further).text
    assert len(shown(rest)) == 10
    assert "Elsewhere" not in rest
    # The way out keeps everything else.
    assert href(rest, "All contacts") == "/tasks?group=overdue&assignee=all"
    narrowed = client.get(f"{url}&assignee=me", headers=HTMX).text
    assert href(narrowed, "All contacts") == "/tasks?assignee=me"


def test_it_adds_to_the_list_of_a_client_what_stays_on_it(client_of, bob):
    contact = make_contact("João Silva")
    data = {"title": "Call", "due": "today"}
    page = client_of(bob).post(f"/tasks?contact={contact.id}", data=data, headers=HTMX).text
    assert shown(page) == ["Call"]
    assert newest().contact == contact


def test_it_names_no_client_whom_a_restricted_agent_may_not_see(client_of, alice, bob, carol):
    hers = make_contact("Secret Client", responsible_id=carol.id)
    make_task("Hers", contact_id=hers.id, assignee_id=carol.id)
    change_office("", restricts_agents=True, by=alice)
    db.session.commit()
    page = client_of(bob).get(f"/tasks?contact={hers.id}&assignee=all").text
    assert "Secret Client" not in page
    assert shown(page) == []


def test_it_asks_the_database_few_questions(client_of, bob, carol):
    for number in range(30):
        make_task(f"Task {number}", due_on=date(2026, 3, 1), assignee_id=carol.id,
                  contact_id=make_contact(f"Contact {number}").id)  # fmt: skip
    client = client_of(bob)
    with questions() as asked:
        client.get("/tasks?assignee=all")
    assert len(asked) <= 10, asked
