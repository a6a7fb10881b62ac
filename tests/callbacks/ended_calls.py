"""Calls that came and went within the last hour, and the call-backs that they leave."""

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

from flask import Flask
from sqlalchemy import func, select

from crm_app import clock
from crm_app.callbacks.models import CallBack
from crm_app.calls.fold.facts import Disposition, Fact, FactKind
from crm_app.calls.models import Call
from crm_app.calls.store import ledger
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.jobs.runner import Runner
from crm_app.serving.jobs import KINDS
from tests.owed import perform

STRANGER = "+351910000042"
ANNA = "+351912000100"
BY_CALLS = (
    *("call_back", "no_call_back", "talked", "tried"),
    *("number_has_contact", "settle_call_backs", "no_client"),
)


def call(
    name: str,
    number: str,
    *,
    answered: bool = False,
    out: bool = False,
    extension: str = "101",
    talk: int = 15,
    ring: int = 20,
    how: Disposition = Disposition.CANCELLED,
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
    prefix = "out" if out else "in"
    say(start, f"{prefix}_{name}", now, did="+351210000001", extension=extension * out, **way)
    return say(
        end, f"{prefix}_{name}", now + timedelta(seconds=ring),
        disposition=Disposition.ANSWERED if answered else how,
        talk_seconds=talk if answered else 0, extension=extension, **way,
    )  # fmt: skip


def in_threads(app: Flask, count: int, work: Callable[[int], Any]) -> list[Any]:
    """Do something in many threads at the same moment, and give what each gave or raised."""
    start, found = Barrier(count), [None] * count

    def run(number: int) -> None:
        with app.app_context():
            start.wait(60)
            try:
                found[number] = work(number)
                db.session.commit()
            except InvalidInputError as error:
                db.session.rollback()
                found[number] = error
            finally:
                db.session.remove()

    threads = [Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return found


def miss_at_once(office: Flask, times: int, *numbers: str) -> None:
    """Let so many calls from these numbers in turn end unanswered at once, each with a worker."""
    now = clock.now()

    def miss(number: int) -> None:
        fact = Fact(
            FactKind.ENDED, f"in_{number}", now, caller=numbers[number % len(numbers)],
            disposition=Disposition.CANCELLED,
        )  # fmt: skip
        ledger.record(db.session.connection(), fact, "")
        db.session.commit()
        Runner(KINDS).work(lambda: False)

    in_threads(office, times, miss)


def listed(number: str, origin: str, *, answered: bool = False) -> Call:
    """Let the statistics tell of a call that nobody heard of, for `origin`."""
    return say(
        FactKind.LISTED, "in_listed", clock.now() - timedelta(minutes=5), caller=number,
        did="+351210000001", extension="101" * answered, talk_seconds=60 * answered, origin=origin,
        disposition=Disposition.ANSWERED if answered else Disposition.NO_ANSWER,
    )  # fmt: skip


def say(*what: Any, **how: Any) -> Call:
    """Let the PBX say one thing about a call."""
    recorded = ledger.record(db.session.connection(), Fact(*what, **how), "")
    found = db.session.get_one(Call, recorded.call_id)
    db.session.commit()
    return found


def open_call_backs() -> list[CallBack]:
    """Perform what follows from the calls and list the call-backs that are open."""
    perform(*BY_CALLS)
    db.session.expire_all()
    rows = select(CallBack).where(CallBack.done_at.is_(None)).order_by(CallBack.id)
    return list(db.session.scalars(rows))


def who() -> list[str]:
    """Name who is to be called back: contacts by their names, strangers by their numbers."""
    return sorted(row.contact.name if row.contact else row.number for row in open_call_backs())
