"""The ledger: a fact is stored, its call folded and written, in one transaction.

This is the hot path: it runs while a caller hears silence. A few statements built once, nothing
over the network.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.engine import Connection

from crm_app import clock
from crm_app.calls import statements as sql
from crm_app.calls.facts import Fact, FactKind
from crm_app.calls.legs import Leg
from crm_app.calls.lifecycle import CallState, fold
from crm_app.contacts.caller import Caller, find_callers
from crm_app.errors import RamalError

# Each new fact folds all of them. A true call has a few dozen; somebody who holds one signed
# notification could tell of the same call without end, for most of its fields are not signed.
MOST_FACTS = 500
_OURS = (FactKind.DIALLED, FactKind.REFUSED, FactKind.SWEPT)


class CallIsFullError(RamalError):
    """More was told of one call than there can be to tell."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of storing one fact; `tell` are the users whose screens it changes.

    `callers` are the contacts who have the number, None when this fact gave no reason to look.
    """

    call_id: int
    is_new: bool
    state: CallState
    tell: frozenset[int]
    callers: tuple[Caller, ...] | None = None


@dataclass(frozen=True, slots=True)
class _Stored:
    """A fact that is new: whose extension it names, and whether its call had a row before it."""

    user_id: int | None
    has_call: bool


@dataclass(frozen=True, slots=True)
class _Known:
    """A call as the database holds it: its facts, whose extensions they name, its row if any."""

    facts: list[Fact]
    users: dict[str, int | None]
    call_id: int | None
    contact_id: int | None
    contact_is_chosen: bool


def record(connection: Connection, fact: Fact, raw: str) -> Recorded:
    """Store a fact once and bring its call up to date; the caller commits, then tells the users.

    `raw` is the text of what the PBX sent, kept for audit. A fact whose content is known already
    changes nothing. Raises CallIsFullError when the PBX has told MOST_FACTS of this call before.
    """
    stored = _store(connection, fact, raw)
    if stored is not None and not stored.has_call:
        known = _Known([fact], {fact.who: stored.user_id}, None, None, False)
        recorded = _update(connection, known, None, fold(known.facts))
        if recorded is not None:
            return recorded
        # Another process stored the call's first fact at this very moment.
    known = _known(connection, fact.pbx_call_id)
    if stored is not None and len(known.facts) > MOST_FACTS and fact.kind not in _OURS:
        raise CallIsFullError
    after = fold(known.facts)
    if stored is None and known.call_id is not None:
        return Recorded(known.call_id, False, after, frozenset())
    before = None
    if known.call_id is not None:
        before = fold(told for told in known.facts if told.content != fact.content)
    recorded = _update(connection, known, before, after)
    if recorded is None:
        raise RuntimeError("a call was made while its lock was held")
    return replace(recorded, is_new=stored is not None)


def _update(
    connection: Connection, known: _Known, before: CallState | None, after: CallState
) -> Recorded | None:
    """Write what has changed; None when the call is new here and somebody else has just made it."""
    users = _users_of(connection, after, known)
    contact_id, callers = _whose(connection, known, before, after)
    call_id = _write_call(connection, before, after, known, users, contact_id)
    if call_id is None:
        return None
    _write_legs(connection, call_id, before.legs if before else (), after.legs, users)
    recorded = before.recordings if before else ()
    _write_recordings(connection, call_id, [r for r in after.recordings if r not in recorded])
    tell = _whom_to_tell(before, after, users)
    return Recorded(call_id, True, after, tell, callers)


def lock(connection: Connection, pbx_call_id: str) -> None:
    """Keep everybody else from writing this call until the transaction ends."""
    if connection.dialect.name == "postgresql":
        sql.run(connection, sql.LOCK_CALL, {"pbx_call_id": pbx_call_id})


def refold(connection: Connection, pbx_call_id: str) -> int:
    """Write a call anew from its stored facts and give its id; what people chose stays."""
    lock(connection, pbx_call_id)
    known = _known(connection, pbx_call_id)
    state = fold(known.facts)
    users = _users_of(connection, state, known)
    contact_id, _ = _whose(connection, known, None, state)
    call_id = _write_call(connection, None, state, known, users, contact_id)
    if call_id is None:
        raise RuntimeError("a call was made while its lock was held")
    for forget in (sql.FORGET_LEGS, sql.FORGET_RECORDINGS):
        sql.run(connection, forget, {"call_id": call_id})
    _write_legs(connection, call_id, (), state.legs, users)
    _write_recordings(connection, call_id, state.recordings)
    return call_id


def _store(connection: Connection, fact: Fact, raw: str) -> _Stored | None:
    """Store a fact; None when its content was known already."""
    rows = sql.run(
        connection,
        sql.INSERT_FACT,
        {
            "pbx_call_id": fact.pbx_call_id,
            "kind": fact.kind.value,
            "content_key": fact.content_key(),
            "received_at": sql.moment(connection, fact.received_at),
            "extension": fact.who,
            "data": fact.to_json(),
            "raw": raw,
        },
    )
    return _Stored(rows[0][0], bool(rows[0][1])) if rows else None


def _known(connection: Connection, pbx_call_id: str) -> _Known:
    rows = sql.run(connection, sql.FACTS_AND_CALL, {"pbx_call_id": pbx_call_id})
    facts = [Fact.from_json(row[0]) for row in rows]
    users: dict[str, int | None] = {}
    for fact, row in zip(facts, rows, strict=True):
        # An extension that changes hands during a call stays with the first.
        users.setdefault(fact.who, row[1])
    _, _, call_id, contact_id, is_chosen = rows[0]
    return _Known(facts, users, call_id, contact_id, bool(is_chosen))


def _users_of(connection: Connection, state: CallState, known: _Known) -> Mapping[str, int | None]:
    """Whose the extensions in a call are; the facts tell, and the present owner where none does."""
    named = {leg.extension for leg in state.legs} | {state.placed_by, state.answered_by}
    unknown = named - known.users.keys() - {""}
    if not unknown:
        return known.users
    rows = connection.execute(sql.USERS_BY_EXTENSION, {"extensions": sorted(unknown)})
    return {**known.users, **{row.extension: row.id for row in rows}}


def _write_call(
    connection: Connection,
    before: CallState | None,
    after: CallState,
    known: _Known,
    users: Mapping[str, int | None],
    contact_id: int | None,
) -> int | None:
    row = _row(after, users)
    is_same = before is not None and row == _row(before, users) and contact_id == known.contact_id
    if is_same and known.call_id is not None:
        return known.call_id
    row |= {"contact_id": contact_id, "updated_at": clock.now()}
    row |= {name: sql.moment(connection, row[name]) for name in sql.CALL_MOMENTS}
    if known.call_id is not None:
        sql.run(connection, sql.UPDATE_CALL, row | {"call_id": known.call_id})
        return known.call_id
    made = sql.run(connection, sql.INSERT_CALL, row | {"pbx_call_id": after.pbx_call_id})
    return int(made[0][0]) if made else None


def _row(state: CallState, users: Mapping[str, int | None]) -> dict[str, Any]:
    talked = [state.answered_by, *reversed(state.participants), state.placed_by]
    return {
        "direction": state.direction.value,
        "phase": state.phase.value,
        "status": state.status,
        "disposition": state.disposition.value if state.disposition else None,
        "disposition_raw": state.disposition_raw,
        "is_own_leg": state.is_own_leg,
        "outside_number": state.outside_number,
        "did": state.did,
        "started_at": state.started_at,
        "answered_at": state.answered_at,
        "ended_at": state.ended_at,
        "ring_seconds": state.ring_seconds,
        "talk_seconds": state.talk_seconds,
        "answered_by_extension": state.answered_by,
        "placed_by_extension": state.placed_by,
        "user_id": users.get(next(filter(None, talked), "")),
        "recording_count": len(state.recordings),
    }


def _whose(
    connection: Connection, known: _Known, before: CallState | None, after: CallState
) -> tuple[int | None, tuple[Caller, ...] | None]:
    """Find whom to attach: the one contact that has the number, nobody when several share it.

    A contact that was chosen by hand stays, and the same number is not looked up twice.
    """
    is_same_number = before is not None and before.outside_number == after.outside_number
    if known.contact_is_chosen or is_same_number:
        return known.contact_id, None
    callers = tuple(find_callers(connection, after.outside_number))
    return (callers[0].contact_id if len(callers) == 1 else None), callers


def _write_legs(
    connection: Connection,
    call_id: int,
    before: tuple[Leg, ...],
    after: tuple[Leg, ...],
    users: Mapping[str, int | None],
) -> None:
    kept = {(leg.extension, leg.transferred_from) for leg in after}
    gone = [leg for leg in before if (leg.extension, leg.transferred_from) not in kept]
    for statement, legs in ((sql.DELETE_LEG, gone), (sql.UPSERT_LEG, after)):
        rows = [
            {
                "call_id": call_id,
                "extension": leg.extension,
                "transferred_from": leg.transferred_from,
                "user_id": users.get(leg.extension),
                "rang_at": sql.moment(connection, leg.rang_at),
                "answered_at": sql.moment(connection, leg.answered_at),
                "stopped_at": sql.moment(connection, leg.stopped_at),
            }
            for leg in legs
            if leg in gone or leg not in before
        ]
        if rows:
            sql.run(connection, statement, *rows)


def _write_recordings(connection: Connection, call_id: int, recordings: Iterable[str]) -> None:
    rows = [{"call_id": call_id, "recording_id": name} for name in recordings]
    if rows:
        sql.run(connection, sql.INSERT_RECORDING, *rows)


def _whom_to_tell(
    before: CallState | None, after: CallState, users: Mapping[str, int | None]
) -> frozenset[int]:
    """Name the users for whom the call looks different now: nobody else hears of it."""
    told = set()
    for extension in _concerned(before) | _concerned(after):
        user_id = users.get(extension)
        if user_id is not None and _looks(before, extension) != _looks(after, extension):
            told.add(user_id)
    return frozenset(told)


def _concerned(state: CallState | None) -> set[str]:
    if state is None:
        return set()
    return {leg.extension for leg in state.legs} | {state.placed_by} - {""}


def _looks(state: CallState | None, extension: str) -> tuple[object, ...] | None:
    """What a call is to one extension, None when it has no part in it."""
    if state is None or extension not in _concerned(state):
        return None
    return (
        state.status,
        state.outside_number,
        extension in state.ringing_extensions,
        extension == state.talking_extension,
        extension in state.participants,
    )
