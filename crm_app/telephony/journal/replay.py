"""Replays one notification against today's rules, and says what would follow: nothing is stored."""

import json
from dataclasses import dataclass, fields, replace

from sqlalchemy import Connection, func, select

from crm_app.calls.fold.facts import Fact, FactKind
from crm_app.calls.models import Call, CallFact
from crm_app.calls.store import ledger
from crm_app.extensions import db
from crm_app.jobs.models import Job
from crm_app.telephony.switches import Switches
from crm_app.telephony.webhook import bodies, inbox
from crm_app.telephony.webhook.event_facts import to_fact
from crm_app.telephony.zadarma import events

_MOST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Replay:
    """What would come of a notification if it arrived in today's office at its own time.

    `differences` are the fields that today's code reads otherwise: name, then and now. `answer` is
    what the PBX would get, None where it ignores the answer. `jobs` are the kinds that follow.
    """

    is_readable: bool
    differences: tuple[tuple[str, str, str], ...]
    direction: str
    status: str
    client: str
    answer: str | None
    jobs: tuple[str, ...]


def replay(row: CallFact, country: str, timezone: str, switches: Switches) -> Replay:
    """Store a copy of the fact, after copies of those before it, look at it, and take all back.

    `country` and `timezone` are the office's. It needs a transaction that may write, which it ends.
    """
    stored = row.fact
    fact, is_readable = _read_again(row, stored, country)
    others = db.session.scalars(
        select(CallFact)
        .where(CallFact.pbx_call_id == row.pbx_call_id, CallFact.id < row.id)
        .order_by(CallFact.id)
    ).all()
    before = [other.fact for other in others]
    copy_id = _copy_of(row)
    try:
        connection = db.session.connection()
        for other in before:
            ledger.record(connection, replace(other, pbx_call_id=copy_id), "")
        work = inbox.FactToStore(
            replace(fact, pbx_call_id=copy_id),
            "",
            switches if fact.kind is FactKind.STARTED else None,
            timezone,
        )
        differences = tuple(_differences(stored, fact))
        return _look(connection, work, differences, is_readable)
    finally:
        db.session.rollback()


def _look(
    connection: Connection,
    work: inbox.FactToStore,
    differences: tuple[tuple[str, str, str], ...],
    is_readable: bool,
) -> Replay:
    last = connection.scalar(select(func.max(Job.id))) or 0
    result = work(connection)
    follows = connection.scalars(select(Job.kind).where(Job.id > last).order_by(Job.id)).all()
    call = db.session.get_one(Call, result.call_id)
    reply = result.reply.to_json() if result.reply else {}
    return Replay(
        is_readable=is_readable,
        differences=differences,
        direction=str(call.direction),
        status=call.status,
        client=call.contact.name if call.contact else "",
        answer=json.dumps(reply, ensure_ascii=False) if work.switches else None,
        jobs=tuple(follows),
    )


def _read_again(row: CallFact, stored: Fact, country: str) -> tuple[Fact, bool]:
    """Read the notification as today's code does; the stored fact where that cannot be."""
    if not row.raw:
        return stored, True
    try:
        event = events.parse(bodies.fields_of(row.raw.encode("utf-8", "replace"), ""))
    except (bodies.UnreadableBodyError, events.UnreadableEventError):
        return stored, False
    fact = to_fact(event, row.received_at, country)
    return (fact, True) if fact is not None else (stored, False)


def _differences(stored: Fact, fact: Fact) -> list[tuple[str, str, str]]:
    compared = [one.name for one in fields(Fact) if one.compare and one.name != "received_at"]
    return [
        (name, str(getattr(stored, name))[:_MOST_TEXT], str(getattr(fact, name))[:_MOST_TEXT])
        for name in compared
        if getattr(stored, name) != getattr(fact, name)
    ]


def _copy_of(row: CallFact) -> str:
    """Name the call of the copies: the prefix says which way it runs."""
    prefix, line, _rest = row.pbx_call_id.partition("_")
    return f"{prefix}_replay{row.id}" if line and prefix in ("in", "out") else f"replay{row.id}"
