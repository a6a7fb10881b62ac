"""What keeps the log true while nobody waits: closing silent calls, recomputing some or all."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, TextClause
from sqlalchemy.orm import Session, scoped_session

from crm_app import database
from crm_app.calls.fold.facts import Fact, FactKind
from crm_app.calls.store import fact_rows, ledger
from crm_app.calls.store import hot_sql as sql
from crm_app.calls.store.ledger import Recorded

AnySession = Session | scoped_session[Any]

RINGS_AT_MOST = timedelta(minutes=3)
TALKS_AT_MOST = timedelta(hours=4)
# In one transaction: on SQLite everybody who writes waits for its end, and on PostgreSQL each call
# is a lock in a table that all connections share.
SWEPT_AT_ONCE = 50
_BATCH = 20
_SHORTEST_REST_S = 0.01


def sweep(session: AnySession, now: datetime) -> list[Recorded]:
    """Close calls of which nothing was heard for too long, SWEPT_AT_ONCE at most; does not commit.

    A call that rings is given three minutes, one in which somebody talks four hours. An end that
    the PBX reports later still wins.
    """
    since = {"ringing_since": now - RINGS_AT_MOST, "talking_since": now - TALKS_AT_MOST}
    silent = session.execute(sql.SILENT_CALLS, {**since, "size": SWEPT_AT_ONCE}).all()
    swept = []
    # In the order in which everybody locks calls.
    for row in sorted(silent, key=lambda row: row.pbx_call_id):
        # Naming the silence makes two sweepers at once write one fact, and a later silence another.
        silence = f"silent since {row.heard_at.isoformat()}"
        fact = Fact(FactKind.SWEPT, row.pbx_call_id, now, disposition_raw=silence)
        swept.append(ledger.record(session.connection(), fact, ""))
    return swept


_after_rebuild: list[Callable[[], None]] = []


def after_rebuild(do: Callable[[], None]) -> Callable[[], None]:
    """Have something done when all calls were recomputed, in the transaction that ends it."""
    _after_rebuild.append(do)
    return do


def rebuild(session: AnySession, rest: Callable[[float], object] = time.sleep) -> int:
    """Recompute every call from its facts, committing as it goes, and give their number.

    Calls keep their ids, and what people chose by hand: the contact, the lead, wrap-ups. Calls that
    no fact speaks of are dropped. `rest` sleeps for the given number of seconds.
    """
    count = _by_few(session, sql.NEXT_CALL_IDS, "", ledger.refold, rest)
    _by_few(session, sql.NEXT_CALLS_WITHOUT_FACTS, 0, _forget, rest)
    note_rebuilt()
    session.commit()
    return count


def note_rebuilt() -> None:
    """Do what is to be done after many calls were recomputed; does not commit."""
    for do in _after_rebuild:
        do()


def read_rows_again(
    connection: Connection, pbx_call_id: str, moment_of: Callable[[str], datetime | None]
) -> bool:
    """Work out again when the rows of a call's statistics were, and recompute the call.

    `moment_of` reads the text of a time. Says whether any was another; does not commit.
    """
    ledger.lock(connection, pbx_call_id)
    rows = [
        (fact, moment_of(fact.pbx_time))
        for fact in fact_rows.read(connection, pbx_call_id).facts
        if fact.kind is FactKind.LISTED
    ]
    wrong = [
        replace(fact, happened_at=moment) for fact, moment in rows if moment != fact.happened_at
    ]
    if wrong:
        fact_rows.write_again(connection, wrong)
        ledger.refold(connection, pbx_call_id)
    return bool(wrong)


def _by_few(
    session: AnySession,
    next_keys: TextClause,
    after: str | int,
    do: Callable[[Connection, Any], object],
    rest: Callable[[float], object],
) -> int:
    """Do something for each key, a few in a transaction, and count the keys.

    SQLite has one writer, and those who wait for it look only now and then whether it is free. So
    we rest for as long as we wrote: calls that come in wait for a moment only.
    """
    count = 0
    while True:
        with database.reading():
            keys = session.execute(next_keys, {"after": after, "size": _BATCH}).scalars().all()
            session.rollback()
        if not keys:
            return count
        began = time.monotonic()
        for key in keys:
            do(session.connection(), key)
        session.commit()
        rest(max(time.monotonic() - began, _SHORTEST_REST_S))
        count, after = count + len(keys), keys[-1]


def _forget(connection: Connection, call_id: int) -> None:
    connection.execute(sql.FORGET_CALL_WITHOUT_FACTS, {"call_id": call_id})
