"""An older office's open tasks of missed calls become call-backs, with what people wrote."""

from datetime import UTC, datetime, timedelta
from typing import Any

from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect, select, text

from crm_app.callbacks.models import CallBack, CallBackEvent, CallBackMiss
from crm_app.extensions import db
from crm_app.journal.models import JournalEntry
from crm_app.tasks.models import Task
from tests.house.test_migrations import MakeApp, new_house  # noqa: F401

BEFORE = "0032"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def add(table: str, **values: Any) -> None:
    """Add a row to a table as it was before."""
    row = {name: str(value) if isinstance(value, datetime) else value
           for name, value in values.items()}  # fmt: skip
    names, places = ", ".join(row), ", ".join(f":{name}" for name in row)
    db.session.execute(text(f'INSERT INTO "{table}" ({names}) VALUES ({places})'), row)  # noqa: S608


def fill() -> None:
    """Make an office with four tasks of missed calls."""
    add(
        "user", id=1, email="bob@x.example", name="Bob", role="agent", active=True,
        fs_uniquifier="x", language="", timezone="", theme="", created_at=NOON,
    )  # fmt: skip
    record = {"created_at": NOON, "updated_at": NOON, "version": 1}
    add(
        "contact", id=1, kind="person", name="Anna", sort_name="anna", job_title="", address="",
        about="", do_not_call=False, search_text="anna", **record,
    )  # fmt: skip
    call = {
        "direction": "inbound", "phase": "ended", "status": "missed", "disposition_raw": "",
        "is_own_leg": False, "did": "+351210000001", "answered_by_extension": "",
        "placed_by_extension": "", "recording_count": 0, "contact_is_chosen": False,
        "updated_at": NOON,
    }  # fmt: skip
    task = {"about": "Missed", "has_time": False, "due_at": NOON, "assignee_id": 1, **record}
    calls = [(1, "+351910000001", None), (2, "+351910000001", None), (3, "+351912000100", 1),
             (4, "+351910000002", None), (5, "", None)]  # fmt: skip
    for number, outside, contact in calls:
        at = NOON + timedelta(minutes=number)
        add("call", id=number, pbx_call_id=f"in_{number}", outside_number=outside,
            contact_id=contact, started_at=at, **call)  # fmt: skip
    for number, title in enumerate(("Call back 1", "The lady with the dog", "Done", "Hidden"), 1):
        done = NOON if title == "Done" else None
        contact = 1 if number == 2 else None
        add("task", id=number, title=title, contact_id=contact, completed_at=done, **task)
    for call_id, task_id in ((1, 1), (2, 1), (3, 2), (4, 3), (5, 4)):
        add("missed_call_task", call_id=call_id, task_id=task_id)
    add("journal_entry", record_type="task", record_id=2, action="changed", changes="{}",
        user_id=1, at=NOON)  # fmt: skip
    add("note", record_type="task", record_id=1, text="Rings in the morning", user_id=1,
        created_at=NOON)  # fmt: skip
    db.session.commit()


def test_open_tasks_become_open_call_backs_with_what_was_written(
    new_house: MakeApp,  # noqa: F811
) -> None:
    with new_house().app_context():
        upgrade(revision=BEFORE)
        fill()
        upgrade()
        rows = db.session.scalars(select(CallBack).order_by(CallBack.id)).all()
        assert [(row.contact_id, row.number, row.misses, row.holder_id) for row in rows] == [
            (None, "+351910000001", 2, 1),
            (1, "+351912000100", 1, 1),
        ]
        assert all(row.is_open for row in rows)
        events = select(CallBackEvent.call_back_id, CallBackEvent.text, CallBackEvent.user_id)
        assert [tuple(row) for row in db.session.execute(events.order_by(CallBackEvent.id))] == [
            (rows[0].id, "Rings in the morning", 1),
            (rows[1].id, "The lady with the dog\nMissed", 1),
        ]
        missed = db.session.execute(select(CallBackMiss.call_id, CallBackMiss.call_back_id))
        assert {row.call_id: row.call_back_id for row in missed} == {
            1: rows[0].id,
            2: rows[0].id,
            3: rows[1].id,
        }
        # Of whom nothing is known, the task stays what it was.
        tasks = db.session.scalars(select(Task).order_by(Task.id)).all()
        assert [task.is_done for task in tasks] == [True, True, True, False]
        told = select(JournalEntry.record_id).where(JournalEntry.action == "completed")
        assert sorted(db.session.scalars(told)) == [1, 2]
        db.session.remove()
        downgrade(revision=BEFORE)
        assert "call_back" not in inspect(db.engine).get_table_names()
        upgrade()
