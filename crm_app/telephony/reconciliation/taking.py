"""Stores what the statistics list: legs of a call together, each row once. Nothing here commits."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import structlog
from sqlalchemy import Connection, select, update

from crm_app import clock, database
from crm_app.calls import audience
from crm_app.calls.fold.facts import Fact
from crm_app.calls.fold.lifecycle import CallState
from crm_app.calls.models import Call, CallFact
from crm_app.calls.store import ledger
from crm_app.extensions import db
from crm_app.live.screen_updates import after_commit
from crm_app.telephony.reconciliation.account_clock import AccountTime
from crm_app.telephony.reconciliation.models import ReconciledCall
from crm_app.telephony.reconciliation.row_facts import by_call, to_fact
from crm_app.telephony.zadarma.replies import StatisticsLeg

_ASKED_AT_ONCE = 500
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """How rows are read: by which clock, for which country, and whether they are history."""

    time: AccountTime
    country: str
    origin: str = ""

    def facts(self, legs: Iterable[StatisticsLeg]) -> list[Fact]:
        """Turn rows into facts."""
        now = clock.now()
        return [to_fact(leg, self.time, now, self.country, self.origin) for leg in legs]


@dataclass(slots=True)
class Taken:
    """What became of some calls; `unheard` are those of these days that no event had brought."""

    added: int = 0
    completed: int = 0
    refused: int = 0
    unheard: list[CallState] = field(default_factory=list)
    # Rows of calls without a root so far, of which nothing is known.
    rootless: list[StatisticsLeg] = field(default_factory=list)


def unknown(legs: Sequence[StatisticsLeg], source: Source) -> list[StatisticsLeg]:
    """Leave out the rows that are stored already."""
    keys = [fact.content_key() for fact in source.facts(legs)]
    known: set[str] = set()
    for start in range(0, len(keys), _ASKED_AT_ONCE):
        some = keys[start : start + _ASKED_AT_ONCE]
        found = select(CallFact.content_key).where(CallFact.content_key.in_(some))
        known.update(db.session.scalars(found))
    return [leg for leg, key in zip(legs, keys, strict=True) if key not in known]


def take(calls: Mapping[str, Sequence[StatisticsLeg]], source: Source) -> Taken:
    """Store the rows of some calls, by the PBX's ids.

    A call of which no row is the root is a phantom that a foreign trunk leaves, unless the log has
    it: its rows are given back.
    """
    taken = Taken()
    rootless = [name for name, legs in calls.items() if not any(leg.recording_id for leg in legs)]
    known = set(
        db.session.scalars(select(Call.pbx_call_id).where(Call.pbx_call_id.in_(rootless)))
        if rootless
        else ()
    )
    # In the order in which everybody locks calls.
    for name in sorted(calls):
        if name in rootless and name not in known:
            taken.rootless += calls[name]
        else:
            _take_call(calls[name], source, taken)
    return taken


def take_all(legs: Iterable[StatisticsLeg], source: Source) -> Taken:
    """Store rows of any calls."""
    return take(by_call(legs), source)


def _take_call(legs: Sequence[StatisticsLeg], source: Source, taken: Taken) -> None:
    facts = source.facts(legs)
    connection = db.session.connection()
    try:
        with db.session.begin_nested():
            done = ledger.complete(connection, facts)
    except Exception as error:
        # One call that cannot be stored must not keep back all that come after it.
        if database.is_away(error):
            raise
        log.error("statistics_row_not_stored", exc_info=error)
        taken.refused += 1
        _note(connection, facts[0], source, "refused")
        return
    state = done.recorded.state
    if done.before is None:
        taken.added += 1
        if not (state.is_history or state.is_of_another_day):
            taken.unheard.append(state)
    elif _tells(done.before) != _tells(state):
        taken.completed += 1
    else:
        return
    if not source.origin:
        _note(connection, facts[0], source, "completed" if done.before else "added")
    for users, message in audience.messages(done.recorded):
        after_commit(users, message)


def _tells(state: CallState) -> tuple[object, ...]:
    """What a person would read of a call; the statistics know nothing of seconds of ringing."""
    return (
        state.status,
        state.direction,
        state.outside_number,
        state.answered_by,
        state.placed_by,
        state.talk_seconds,
        state.recordings,
        tuple(leg.extension for leg in state.legs),
    )


def _note(connection: Connection, fact: Fact, source: Source, done: str) -> None:
    day = source.time.day(fact.happened_at or fact.received_at)
    note_call(connection, day, fact.pbx_call_id, done)


def note_call(connection: Connection, day: date, pbx_call_id: str, done: str) -> None:
    """Note what was done about a call; what was done first stays, unless it was a refusal."""
    values: dict[str, Any] = {"day": day, "pbx_call_id": pbx_call_id, "done": done}
    database.add_missing(connection, ReconciledCall, noted_at=clock.now(), **values)
    connection.execute(
        update(ReconciledCall)
        .where(ReconciledCall.pbx_call_id == pbx_call_id, ReconciledCall.done == "refused")
        .values(done=done)
    )
