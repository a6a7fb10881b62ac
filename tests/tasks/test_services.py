"""What the verbs of tasks promise to whoever calls them."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
import time_machine
from sqlalchemy import select

from crm_app.accounts.rights import Place, Verb, allowed
from crm_app.accounts.services import change_office
from crm_app.demo import make_contact, make_lead, make_task
from crm_app.errors import ConflictError
from crm_app.extensions import db
from crm_app.journal.models import JournalEntry
from crm_app.local_time import LocalTime
from crm_app.records.bin import put_in_bin, restore
from crm_app.records.versions import for_update_at
from crm_app.tasks import services
from crm_app.tasks.fields import TaskDraft
from crm_app.tasks.listing import GROUPS, due_by_tonight, in_group
from crm_app.tasks.models import Task


def at(zone: str) -> LocalTime:
    return LocalTime.of(zone)


def groups_of(task: Task, zone: str) -> list[str]:
    """Name all groups a task is in, as the database answers."""
    local = at(zone)
    return [
        group
        for group in GROUPS
        if db.session.scalar(select(Task.id).where(Task.id == task.id, in_group(group, local)))
    ]


def test_it_makes_a_task_for_who_makes_it(bob):
    contact, lead = make_contact("João"), make_lead("Roof")
    task = services.create_task(
        TaskDraft(title=" Call ", contact_id=contact.id, lead_id=lead.id), bob
    )
    assert (task.title, task.assignee, task.contact, task.lead) == ("Call", bob, contact, lead)
    assert task.created_by_id == bob.id
    assert services.create_task(TaskDraft(title="Pool", assignee_id=None), bob).assignee is None
    assert services.create_task(TaskDraft(title="By the house"), None).assignee is None


def test_it_keeps_a_day_as_a_day_whatever_the_zone(bob):
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Lisbon"):
        evening = datetime(2026, 3, 2, 23, 30, tzinfo=ZoneInfo(zone))
        task = services.create_task(TaskDraft(title="Call", due_at=evening, has_time=False), bob)
        db.session.commit()
        db.session.refresh(task)
        assert task.due_day == date(2026, 3, 2)
    timed = services.create_task(TaskDraft(title="Call", due_at=evening, has_time=True), bob)
    assert (timed.due_at, timed.due_day) == (evening, None)


def test_it_is_ticked_off_once_and_can_be_opened_again(bob, carol):
    task = make_task("Call", assignee_id=bob.id)
    with time_machine.travel("2026-03-02 10:00:00Z", tick=False):
        services.complete(task, carol)
    services.complete(task, bob)
    assert task.completed_at == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert task.completed_by_id == carol.id
    services.reopen(task, bob)
    services.reopen(task, bob)
    assert not task.is_done
    actions = [entry.action for entry in db.session.scalars(JournalEntry.of("task", task.id))]
    assert actions == ["reopened", "completed"]
    assert task.version == 3


def test_it_writes_what_was_changed(bob, carol):
    task = make_task("Call", assignee_id=bob.id, due_on=date(2026, 3, 2))
    moment = datetime(2026, 3, 3, 9, 30, tzinfo=UTC)
    assert services.update_task(
        task, TaskDraft(due_at=moment, has_time=True, assignee_id=carol.id), bob
    )
    assert not services.update_task(task, TaskDraft(title="Call"), bob)
    entry = db.session.scalars(JournalEntry.of("task", task.id)).one()
    assert entry.shown == {
        "due": ["2026-03-02", "2026-03-03T09:30:00+00:00"],
        "assignee": ["Bob Agent", "Carol Agent"],
    }


def test_it_goes_to_the_bin_and_back(bob):
    task = make_task("Call", assignee_id=bob.id)
    put_in_bin(task, bob)
    db.session.flush()
    assert db.session.scalars(allowed(bob, Task, Verb.VIEW)).all() == []
    assert db.session.scalars(allowed(bob, Task, Verb.VIEW, Place.BIN)).all() == [task]
    restore(task, bob)
    assert db.session.scalars(allowed(bob, Task, Verb.VIEW)).all() == [task]


def test_it_refuses_a_version_that_is_no_longer_the_newest(bob):
    task = make_task("Call")
    services.complete(task, bob)
    db.session.commit()
    with pytest.raises(ConflictError):
        for_update_at(task, 1)


def test_it_shows_an_agent_own_and_given_tasks_where_the_office_says_so(alice, bob, carol):
    mine = make_task("Mine", assignee_id=bob.id)
    given = services.create_task(TaskDraft(title="Given", assignee_id=carol.id), bob)
    make_task("Hers", assignee_id=carol.id)
    assert len(db.session.scalars(allowed(bob, Task, Verb.VIEW)).all()) == 3
    change_office("", restricts_agents=True, by=alice)
    assert set(db.session.scalars(allowed(bob, Task, Verb.VIEW))) == {mine, given}
    assert len(db.session.scalars(allowed(alice, Task, Verb.VIEW)).all()) == 3


@time_machine.travel("2026-07-01 22:30:00Z", tick=False)
@pytest.mark.parametrize(
    ("zone", "due_on", "group"),
    [
        # It is 23:30 of the 1st in Lisbon, 08:30 of the 2nd in Auckland's Chatham neighbour Tokyo.
        ("Europe/Lisbon", date(2026, 6, 30), "overdue"),
        ("Europe/Lisbon", date(2026, 7, 1), "today"),
        ("Europe/Lisbon", date(2026, 7, 2), "upcoming"),
        ("Asia/Tokyo", date(2026, 7, 1), "overdue"),
        ("Asia/Tokyo", date(2026, 7, 2), "today"),
        ("Pacific/Kiritimati", date(2026, 7, 2), "today"),
        ("Pacific/Pago_Pago", date(2026, 7, 1), "today"),
    ],
)
def test_it_groups_days_by_the_calendar_where_the_user_is(bob, zone, due_on, group):
    task = make_task("Call", due_on=due_on)
    assert groups_of(task, zone) == [group]
    assert task.is_overdue(at(zone).now, at(zone).today) == (group == "overdue")


@time_machine.travel("2026-07-01 22:30:00Z", tick=False)
@pytest.mark.parametrize(
    ("zone", "due", "group"),
    [
        ("Europe/Lisbon", "2026-07-01T22:29:59+00:00", "overdue"),
        ("Europe/Lisbon", "2026-07-01T22:30:00+00:00", "today"),
        ("Europe/Lisbon", "2026-07-01T22:59:59+00:00", "today"),
        ("Europe/Lisbon", "2026-07-01T23:00:00+00:00", "upcoming"),
        ("Asia/Tokyo", "2026-07-02T14:59:59+00:00", "today"),
        ("Asia/Tokyo", "2026-07-02T15:00:00+00:00", "upcoming"),
    ],
)
def test_it_groups_times_by_the_clock_where_the_user_is(bob, zone, due, group):
    task = make_task("Call", due_at=datetime.fromisoformat(due), has_time=True)
    assert groups_of(task, zone) == [group]
    tonight = select(Task.id).where(due_by_tonight(at(zone)))
    assert bool(db.session.scalar(tonight)) == (group in {"overdue", "today"})


def test_it_groups_what_has_no_day_and_what_is_done(bob):
    task = make_task("Some day")
    assert groups_of(task, "Europe/Lisbon") == ["someday"]
    services.complete(task, bob)
    db.session.flush()
    assert groups_of(task, "Europe/Lisbon") == ["done"]


@pytest.mark.parametrize(
    ("now", "day_ends"),
    [
        # Summer time begins on 29 March: that day has 23 hours in Lisbon. It ends on 25 October.
        ("2026-03-29 00:30:00Z", "2026-03-29T23:00:00+00:00"),
        ("2026-10-24 23:30:00Z", "2026-10-26T00:00:00+00:00"),
    ],
)
def test_it_ends_days_of_23_and_25_hours_at_their_midnight(now, day_ends):
    with time_machine.travel(now, tick=False):
        assert at("Europe/Lisbon").day_ends_at.astimezone(UTC).isoformat() == day_ends


def test_it_offers_the_usual_days():
    with time_machine.travel("2026-03-02 10:00:00Z", tick=False):  # a Monday
        assert at("Europe/Lisbon").chips() == {
            "today": date(2026, 3, 2),
            "tomorrow": date(2026, 3, 3),
            "monday": date(2026, 3, 9),
            "week": date(2026, 3, 9),
        }
