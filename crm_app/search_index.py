"""Finding rows by any part of their `search_text`: the index on each engine, and how it is asked.

SQLite gets an FTS5 trigram table over the column, kept by triggers; PostgreSQL a trigram GIN index.
Any table with the columns `id`, `search_text` and `deleted_at` can be given one.
"""

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    DDL,
    ColumnElement,
    Select,
    Text,
    and_,
    bindparam,
    column,
    event,
    or_,
    select,
    table,
)  # fmt: skip
from sqlalchemy.orm import InstrumentedAttribute, Session

from crm_app import search_text

# Only so many matches are looked at and so many shown: what a common word costs does not grow with
# the table then, and nobody reads further than this without typing one more letter.
MOST_EXAMINED = 20_000
MOST_FOUND = 500
# PostgreSQL makes trigrams of letters and digits only; for a term without one it would read all.
_HAS_TRIGRAM = re.compile(r"[^\W_]{3}")

_SQLITE = (
    "CREATE VIRTUAL TABLE {table}_search USING fts5("
    "search_text, content='{table}', content_rowid='id', tokenize='trigram')",
    "CREATE TRIGGER {table}_search_insert AFTER INSERT ON {table} BEGIN "
    "INSERT INTO {table}_search (rowid, search_text) VALUES (new.id, new.search_text); END",
    "CREATE TRIGGER {table}_search_delete AFTER DELETE ON {table} BEGIN "
    "INSERT INTO {table}_search ({table}_search, rowid, search_text) "
    "VALUES ('delete', old.id, old.search_text); END",
    "CREATE TRIGGER {table}_search_update AFTER UPDATE OF search_text ON {table} "
    "WHEN old.search_text IS NOT new.search_text BEGIN "
    "INSERT INTO {table}_search ({table}_search, rowid, search_text) "
    "VALUES ('delete', old.id, old.search_text); "
    "INSERT INTO {table}_search (rowid, search_text) VALUES (new.id, new.search_text); END",
)
_POSTGRESQL = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    # Without the pending list a search never pays for the writes before it.
    "CREATE INDEX ix_{table}_search ON {table} "
    "USING gin (search_text gin_trgm_ops) WITH (fastupdate = off)",
    # The planner tries the term on its sample to tell a common word from a rare one.
    "ALTER TABLE {table} ALTER COLUMN search_text SET STATISTICS 1000",
)


def statements(table_name: str, dialect_name: str) -> list[str]:
    """Return the DDL that makes the index of a table; migrations run it too."""
    templates = _SQLITE if dialect_name == "sqlite" else _POSTGRESQL
    return [template.format(table=table_name) for template in templates]


def drop_statements(table_name: str, dialect_name: str) -> list[str]:
    """Return the DDL that takes away what dropping the table itself leaves behind."""
    return [f"DROP TABLE IF EXISTS {table_name}_search"] if dialect_name == "sqlite" else []


def attach(model: Any) -> None:
    """Make the index whenever `create_all` makes the model's table."""
    indexed = model.__table__
    for dialect_name in ("sqlite", "postgresql"):
        for statement in statements(indexed.name, dialect_name):
            ddl = DDL(statement).execute_if(dialect=dialect_name)  # type: ignore[no-untyped-call]
            event.listen(indexed, "after_create", ddl)
        for statement in drop_statements(indexed.name, dialect_name):
            ddl = DDL(statement).execute_if(dialect=dialect_name)  # type: ignore[no-untyped-call]
            event.listen(indexed, "before_drop", ddl)


def find_ids(
    session: Session,
    model: Any,
    query: str,
    *conditions: ColumnElement[bool],
    sort_name: "InstrumentedAttribute[str] | None" = None,
    limit: int = MOST_FOUND,
) -> list[int]:
    """Find the rows that hold what was typed (see `search_text.readings`) and meet the conditions.

    Terms without three letters or digits in a row have no trigram: beside one that has they must
    begin a word, alone the first of them must begin `sort_name` (without that column they find
    nothing). Two signs of a script without spaces are a word: they are looked for in all rows. At
    most `limit` ids are given, on SQLite the newest first, and there only MOST_EXAMINED rows are
    tried.
    """
    found: dict[int, None] = {}
    for terms in search_text.readings(query):
        if len(found) < limit:
            found |= dict.fromkeys(_find(session, model, terms, conditions, sort_name, limit))
    return list(found)[:limit]


def _find(
    session: Session,
    model: Any,
    terms: list[str],
    conditions: tuple[ColumnElement[bool], ...],
    sort_name: "InstrumentedAttribute[str] | None",
    limit: int,
) -> list[int]:
    long = [term for term in terms if _HAS_TRIGRAM.search(term)]
    unspaced = [term for term in terms if term not in long and search_text.is_unspaced(term)]
    short = [term for term in terms if term not in (*long, *unspaced)]
    if not (long or unspaced) and (not short or sort_name is None):
        return []
    conditions = (*conditions, *(_holds(model, term) for term in unspaced))
    if not long and unspaced:
        examined = None
    elif sort_name is not None and not long:
        examined = _beginning_with(model, short.pop(0), sort_name)
    elif session.get_bind().dialect.name == "sqlite":
        examined = _full_text(model, long)
    else:
        examined = None
        conditions = (*conditions, *(_holds(model, term) for term in long))
    wanted = [*conditions, *(_begins_word(model, term) for term in short)]
    if examined is None:
        statement = select(model.id).where(*wanted)
    else:
        # As a join SQLite would collect all examined rows first; so it stops at the limit.
        few = examined.subquery("examined")
        row = select(model.id).where(model.id == few.c.id, *wanted).correlate(few)
        statement = select(few.c.id).where(row.exists())
    return list(session.scalars(statement.limit(limit)))


def holding(session: Session, model: Any, query: str) -> ColumnElement[bool]:
    """Build the condition "holds what was typed" for a list that leaves nothing out."""
    return or_(*(_holds_all(session, model, terms) for terms in search_text.readings(query)))


def _holds_all(session: Session, model: Any, terms: list[str]) -> ColumnElement[bool]:
    indexed = [term for term in terms if _HAS_TRIGRAM.search(term)]
    if session.get_bind().dialect.name != "sqlite" or not indexed:
        return and_(*(_holds(model, term) for term in terms))
    rest = [_holds(model, term) for term in terms if term not in indexed]
    return and_(model.id.in_(_matching(model, indexed)), *rest)


def prefix_range(
    key: "InstrumentedAttribute[str]", prefix: str
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Build "begins with" as a range of a column in binary order, so that its index serves."""
    return key >= prefix, key < prefix + "\U0010ffff"


def _full_text(model: Any, terms: Sequence[str]) -> "Select[int]":
    found = _matching(model, terms)
    return found.order_by(found.selected_columns.id.desc()).limit(MOST_EXAMINED)


def _matching(model: Any, terms: Sequence[str]) -> "Select[int]":
    name = f"{model.__tablename__}_search"
    index = table(name, column("rowid"), column(name))
    quoted = " AND ".join('"' + term.replace('"', '""') + '"' for term in terms)
    return select(index.c.rowid.label("id")).where(index.c[name].op("MATCH")(quoted))


def _beginning_with(
    model: Any, term: str, sort_name: "InstrumentedAttribute[str]"
) -> "Select[int]":
    return (
        select(model.id)
        .where(model.deleted_at.is_(None), *prefix_range(sort_name, term))
        .order_by(sort_name, model.id)
        .limit(MOST_EXAMINED)
    )


def _holds(model: Any, term: str) -> ColumnElement[bool]:
    return _like(model, f"%{search_text.escape_like(term)}%")


def _begins_word(model: Any, term: str) -> ColumnElement[bool]:
    escaped = search_text.escape_like(term)
    return _like(model, f"{escaped}%") | _like(model, f"% {escaped}%")


def _like(model: Any, pattern: str) -> ColumnElement[bool]:
    # Written into the statement, not bound: PostgreSQL must see the term to plan for it, and would
    # otherwise settle for one plan for all terms after the fifth question.
    literal = bindparam(None, pattern, type_=Text(), literal_execute=True)
    condition: ColumnElement[bool] = model.search_text.like(literal, escape="\\")
    return condition
