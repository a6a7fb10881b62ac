"""Stores what the statistics list: legs of a call together, each row once. Nothing here commits."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import structlog
from sqlalchemy import Connection, select, update

from crm_app import clock, database
from crm_app.calls import audience
from crm_app.calls.fold.facts import Disposition, Fact, FactKind
from crm_app.calls.fold.lifecycle import CallState
from crm_app.calls.fold.listed import ROOT
from crm_app.calls.models import Call, CallFact
from crm_app.calls.store import ledger
from crm_app.extensions import db
from crm_app.live.screen_updates import after_commit
from crm_app.telephony.reconciliation.account_clock import AccountTime
from crm_app.telephony.reconciliation.models import ReconciledCall
from crm_app.telephony.webhook.event_facts import Side, form_of, side_of
from crm_app.telephony.zadarma.party import MAX_EXTENSION_DIGITS
from crm_app.telephony.zadarma.replies import StatisticsLeg

_ASKED_AT_ONCE = 500
HISTORY = "history"
_LONGEST_TEXT = 120
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


def to_fact(
    leg: StatisticsLeg,
    time: AccountTime,
    received_at: datetime,
    default_country: str,
    origin: str = "",
) -> Fact:
    """Turn a row into the fact it tells; the PBX's words for the two sides are read by direction.

    On incoming rows the destination is our line, or the extension that rang. On outgoing ones the
    caller is an extension, or only the line that the client sees.
    """
    forms = [form_of(text, default_country) for text in (leg.called, leg.caller)]
    form = next(filter(None, forms), "")
    caller = side_of(leg.caller, default_country, form)
    called = side_of(leg.called, default_country, form)
    if leg.direction == "outbound":
        extension = leg.extension or (caller.number if _is_short(caller) else "")
        caller, did = Side(), ""
    else:
        extension = leg.extension or (called.number if _is_short(called) else "")
        did = "" if _is_short(called) else called.number
        called = Side()
    return Fact(
        kind=FactKind.LISTED,
        pbx_call_id=leg.pbx_call_id,
        received_at=received_at,
        caller=caller.number,
        called=called.number,
        did=did,
        extension=extension,
        disposition=Disposition(leg.disposition) if leg.disposition else None,
        disposition_raw=leg.disposition_raw[:_LONGEST_TEXT],
        talk_seconds=leg.talk_seconds if leg.disposition in ("", "answered") else 0,
        recording_id=leg.recording_id[:_LONGEST_TEXT] if leg.is_recorded else "",
        is_recorded=leg.is_recorded,
        leg=ROOT if leg.recording_id else "",
        pbx_time=leg.started[:_LONGEST_TEXT],
        caller_name=caller.name,
        called_name=called.name,
        caller_other=caller.other,
        called_other=called.other,
        happened_at=time.utc(leg.started),
        origin=origin,
    )


def by_call(legs: Iterable[StatisticsLeg]) -> dict[str, list[StatisticsLeg]]:
    """Put the legs of each call together, in the order in which the calls come."""
    calls: dict[str, list[StatisticsLeg]] = {}
    for leg in legs:
        calls.setdefault(leg.pbx_call_id, []).append(leg)
    return calls


def _is_short(side: Side) -> bool:
    return side.is_extension or 0 < len(side.number) <= MAX_EXTENSION_DIGITS
