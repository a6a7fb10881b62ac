"""Facts as rows: stored once, and read back with the row of their call."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from crm_app.calls.fold.facts import Fact
from crm_app.calls.store import for_each
from crm_app.calls.store import hot_sql as sql
from crm_app.calls.store.projection import Attached


@dataclass(frozen=True, slots=True)
class Stored:
    """A fact that is new: whose extensions it names, and whether its call had a row before it."""

    fact: Fact
    users: dict[str, int | None]
    has_call: bool


@dataclass(frozen=True, slots=True)
class Known:
    """A call as the database holds it: its facts, whose extensions they name, its row if any."""

    facts: list[Fact]
    users: dict[str, int | None]
    attached: Attached


def store(connection: Connection, facts: Sequence[tuple[Fact, str]]) -> list[Stored | None]:
    """Store facts, each with the text of what the PBX sent, in few statements; does not commit.

    Gives None for those whose content was known already.
    """
    inserts = [_insert(connection, fact, raw) for fact, raw in facts]
    plain = [values for statement, values in inserts if statement is sql.INSERT_FACT]
    new, is_together = {}, for_each.is_worth_it(connection, plain)
    if is_together:
        new = {row[-1]: row for row in for_each.run(connection, for_each.INSERT_FACTS, plain)}
    stored = []
    for (statement, values), (fact, _) in zip(inserts, facts, strict=True):
        if is_together and statement is sql.INSERT_FACT:
            row = new.pop(values["content_key"], None)
        else:
            row = next(iter(sql.run(connection, statement, values)), None)
        stored.append(_stored(fact, row))
    return stored


def read(connection: Connection, pbx_call_id: str) -> Known:
    """Read the facts of a call, in the order in which they were stored, and its row."""
    rows = sql.run(connection, sql.FACTS_AND_CALL, {"pbx_call_id": pbx_call_id})
    facts = [Fact.from_json(row[0]).knowing(row[3]) for row in rows]
    users: dict[str, int | None] = {}
    for fact, row in zip(facts, rows, strict=True):
        for extension, user_id in _owners(fact, row[1], row[2]).items():
            # An extension that changes hands during a call stays with the first.
            users.setdefault(extension, user_id)
    *_, call_id, contact_id, is_chosen = rows[0]
    return Known(facts, users, Attached(call_id, contact_id, bool(is_chosen)))


def write_again(connection: Connection, facts: Iterable[Fact]) -> None:
    """Write stored facts again in which something has changed that is no part of their content."""
    for fact in facts:
        values = {"content_key": fact.content_key(), "data": fact.to_json()}
        sql.run(connection, sql.UPDATE_FACT, values)


def _insert(connection: Connection, fact: Fact, raw: str) -> tuple[sql.Statement, dict[str, Any]]:
    """Return the statement that stores a fact, and its values."""
    values = {
        "pbx_call_id": fact.pbx_call_id,
        "kind": fact.kind.value,
        "content_key": fact.content_key(),
        "received_at": sql.moment(connection, fact.received_at),
        "extension": fact.who,
        "data": fact.to_json(),
        "raw": raw,
    }
    others, shorts, readings = fact.others, sorted(fact.short_numbers), fact.readings
    if not (others or shorts or readings):
        return sql.INSERT_FACT, values
    values |= sql.numbered("other", others, sql.MOST_OTHERS)
    values |= sql.numbered("short", shorts, sql.MOST_SHORTS)
    values |= sql.numbered("reading", readings, sql.MOST_READINGS)
    return sql.INSERT_FACT_OF_SEVERAL, values


def _stored(fact: Fact, row: Sequence[Any] | None) -> Stored | None:
    if row is None:
        return None
    user_id, owners, known, has_call = row[:4]
    fact = fact.knowing(known)
    return Stored(fact, _owners(fact, user_id, owners), bool(has_call))


def _owners(fact: Fact, user_id: int | None, owners: str | None) -> dict[str, int | None]:
    """Whose the extensions were that a fact names, as it was stored with the fact."""
    found = {fact.who: user_id}
    # Facts from before all owners were stored know that of the one who acts.
    if owners is not None:
        stored = json.loads(owners)
        found |= {extension: stored.get(extension) for extension in fact.others}
    return found
