"""What the fold makes of a call, written to the tables that pages read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from crm_app import clock
from crm_app.calls.fold.lifecycle import CallState
from crm_app.calls.fold.why_missed import why_missed
from crm_app.calls.store import for_each
from crm_app.calls.store import hot_sql as sql

Users = Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class Attached:
    """The row of a call, None while there is none, and the contact that it is with."""

    call_id: int | None = None
    contact_id: int | None = None
    contact_is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """The call's id, and whose client it is with where the row was written now."""

    call_id: int
    responsible_id: int | None = None


def write(
    connection: Connection,
    attached: Attached,
    before: CallState | None,
    after: CallState,
    users: Users,
    contact_id: int | None,
) -> Written | None:
    """Write what has changed and say of which call; None when somebody else just made the call.

    `users` says whose each extension is.
    """
    written = _write_call(connection, attached, before, after, users, contact_id)
    if written is not None:
        _write_legs(connection, written.call_id, before, after, users)
        _write_recordings(connection, written.call_id, before, after)
    return written


def write_new(
    connection: Connection, calls: Sequence[tuple[CallState, Users, int | None]]
) -> list[Written | None]:
    """Write calls that have no row yet, each with whose the extensions are and its contact.

    Gives None for those that somebody else just made.
    """
    rows = [_new_row(connection, *call) for call in calls]
    if for_each.is_worth_it(connection, rows):
        made = {
            name: Written(*row)
            for *row, name in for_each.run(connection, for_each.INSERT_CALLS, rows)
        }
        all_written = [made.get(row["pbx_call_id"]) for row in rows]
    else:
        all_written = [_insert(connection, row) for row in rows]
    for written, (state, users, _) in zip(all_written, calls, strict=True):
        if written is not None:
            _write_legs(connection, written.call_id, None, state, users)
            _write_recordings(connection, written.call_id, None, state)
    return all_written


def forget_parts(connection: Connection, call_id: int) -> None:
    """Forget the legs and recordings of a call, to write all of them again."""
    for forget in (sql.FORGET_LEGS, sql.FORGET_RECORDINGS):
        sql.run(connection, forget, {"call_id": call_id})


def _write_call(
    connection: Connection,
    attached: Attached,
    before: CallState | None,
    after: CallState,
    users: Users,
    contact_id: int | None,
) -> Written | None:
    if attached.call_id is None:
        return _insert(connection, _new_row(connection, after, users, contact_id))
    row = _row(after, users)
    is_same_contact = contact_id == attached.contact_id
    if before is not None and row == _row(before, users) and is_same_contact:
        return Written(attached.call_id)
    row = _as_stored(connection, row, contact_id) | {"call_id": attached.call_id}
    rows = sql.run(connection, sql.UPDATE_CALL, row)
    return Written(*rows[0]) if rows else None


def _insert(connection: Connection, row: dict[str, Any]) -> Written | None:
    rows = sql.run(connection, sql.INSERT_CALL, row)
    return Written(*rows[0]) if rows else None


def _new_row(
    connection: Connection, state: CallState, users: Users, contact_id: int | None
) -> dict[str, Any]:
    row = _as_stored(connection, _row(state, users), contact_id)
    return row | {"pbx_call_id": state.pbx_call_id}


def _as_stored(
    connection: Connection, row: dict[str, Any], contact_id: int | None
) -> dict[str, Any]:
    row = row | {"contact_id": contact_id, "updated_at": clock.now()}
    return row | {name: sql.moment(connection, row[name]) for name in sql.CALL_MOMENTS}


def _row(state: CallState, users: Users) -> dict[str, Any]:
    talked = [state.answered_by, *reversed(state.participants), state.placed_by]
    return {
        "direction": state.direction.value,
        "phase": state.phase.value,
        "status": state.status,
        "disposition": state.disposition.value if state.disposition else None,
        "disposition_raw": state.disposition_raw,
        "is_own_leg": state.is_own_leg,
        "outside_number": state.outside_number,
        "outside_name": state.outside_name,
        "did": state.did,
        "started_at": state.started_at,
        "answered_at": state.answered_at,
        "ended_at": state.ended_at,
        "ring_seconds": state.ring_seconds,
        "talk_seconds": state.talk_seconds,
        "answered_by_extension": state.answered_by,
        "placed_by_extension": state.placed_by,
        "user_id": users.get(next(filter(None, talked), "")),
        "talking_user_id": users.get(state.talking_extension) if state.talking_extension else None,
        # One that the PBX has not named is there, too.
        "recording_count": len(state.recordings) or int(state.is_recorded),
        # As the text of which both engines make a date.
        "listed_on": state.listed_on or None,
        "why_missed": why.value if (why := why_missed(state)) else None,
    }


def _write_legs(
    connection: Connection,
    call_id: int,
    before: CallState | None,
    after: CallState,
    users: Users,
) -> None:
    old = before.legs if before else ()
    kept = {(leg.extension, leg.transferred_from) for leg in after.legs}
    gone = [leg for leg in old if (leg.extension, leg.transferred_from) not in kept]
    # Each leg carries the beginning of its call.
    known = old if before and before.started_at == after.started_at else ()
    new = [leg for leg in after.legs if leg not in known]
    for statement, legs in ((sql.DELETE_LEG, gone), (sql.UPSERT_LEG, new)):
        rows = [
            {
                "call_id": call_id,
                "started_at": sql.moment(connection, after.started_at),
                "extension": leg.extension,
                "transferred_from": leg.transferred_from,
                "user_id": users.get(leg.extension),
                "state": leg.state.value,
                "talk_seconds": leg.talk_seconds,
                "rang_at": sql.moment(connection, leg.rang_at),
                "answered_at": sql.moment(connection, leg.answered_at),
                "stopped_at": sql.moment(connection, leg.stopped_at),
            }
            for leg in legs
        ]
        if rows:
            sql.run(connection, statement, *rows)


def _write_recordings(
    connection: Connection, call_id: int, before: CallState | None, after: CallState
) -> None:
    old, now = set(before.recordings if before else ()), set(after.recordings)
    for statement, names in ((sql.DELETE_RECORDING, old - now), (sql.INSERT_RECORDING, now - old)):
        rows = [{"call_id": call_id, "recording_id": name} for name in sorted(names)]
        if rows:
            sql.run(connection, statement, *rows)
