"""Calls that came and went within the last hour, and the tasks that are open because of them."""

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from crm_app import clock
from crm_app.calls.fold.facts import Disposition, Fact, FactKind
from crm_app.calls.models import Call
from crm_app.calls.store import ledger
from crm_app.extensions import db
from crm_app.tasks.models import Task
from tests.owed import perform

STRANGER = "+351910000042"
ANNA = "+351912000100"


def call(
    name: str, number: str, *, answered: bool = False, out: bool = False, extension: str = "101"
) -> Call:
    """Let a call come (or go out) and end, answered at an extension or by nobody."""
    # Each a little later than the one before.
    minutes = db.session.scalar(select(func.count(Call.id))) or 0
    now = clock.now() - timedelta(minutes=50) + minutes * timedelta(minutes=1)
    way = {"caller": extension if out else number, "called": number if out else ""}
    start, end = (
        (FactKind.OUTGOING_STARTED, FactKind.OUTGOING_ENDED)
        if out
        else (FactKind.STARTED, FactKind.ENDED)
    )
    how = Disposition.ANSWERED if answered else Disposition.CANCELLED
    prefix = "out" if out else "in"
    say(start, f"{prefix}_{name}", now, did="+351210000001", extension=extension * out, **way)
    return say(
        end, f"{prefix}_{name}", now + timedelta(seconds=20), disposition=how,
        talk_seconds=15 if answered else 0, extension=extension, **way,
    )  # fmt: skip


def say(*what: Any, **how: Any) -> Call:
    """Let the PBX say one thing about a call."""
    recorded = ledger.record(db.session.connection(), Fact(*what, **how), "")
    found = db.session.get_one(Call, recorded.call_id)
    db.session.commit()
    return found


def open_tasks() -> list[Task]:
    """Perform what follows from the calls and list the open tasks."""
    perform("call_back", "no_call_back", "talked")
    return list(db.session.scalars(select(Task).where(Task.completed_at.is_(None))))
