"""The SQL of the hot path, given to the driver as it stands.

A statement of SQLAlchemy costs ten times what SQLite needs to run it; a caller waits for these.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import bindparam, column, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.sql.selectable import TextualSelect

from crm_app.database import UtcDateTime

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Statement:
    """One statement in the words of each driver."""

    sqlite: str
    postgresql: str

    @cached_property
    def gives_rows(self) -> bool:
        """Whether there is something to fetch; asking the driver would cost as much."""
        return "RETURNING" in self.postgresql or self.postgresql.lstrip().startswith("SELECT")

    def on(self, connection: Connection) -> str:
        """Choose the words for a connection."""
        return self.sqlite if connection.dialect.name == "sqlite" else self.postgresql


def run(connection: Connection, statement: Statement, *rows: Values) -> list[tuple[Any, ...]]:
    """Run a statement inside the connection's transaction, once for each of `rows`.

    Gives what a single run returned. Moments are given as `moment` makes them. Errors are those
    that SQLAlchemy raises.
    """
    cursor = connection.connection.cursor()
    try:
        if len(rows) > 1:
            cursor.executemany(statement.on(connection), rows)
            return []
        cursor.execute(statement.on(connection), rows[0])
        return list(cursor.fetchall()) if statement.gives_rows else []
    except connection.dialect.loaded_dbapi.Error as error:
        raise as_usual(connection, error) from error
    finally:
        cursor.close()


def as_usual(connection: Connection, error: Exception) -> StatementError:
    """Make of a driver's error what SQLAlchemy makes of it, for those who handle errors."""
    dialect = connection.dialect
    is_dead = isinstance(error, dialect.loaded_dbapi.Error) and dialect.is_disconnect(
        error, connection.connection, None
    )
    return DBAPIError.instance(
        "", None, error, dialect.loaded_dbapi.Error,
        hide_parameters=True, connection_invalidated=is_dead, dialect=dialect,
    )  # fmt: skip


def moment(connection: Connection, value: datetime | None) -> datetime | str | None:
    """Write a moment as the column type `UtcDateTime` stores it."""
    if value is None or connection.dialect.name != "sqlite":
        return value
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def numbered(name: str, values: Sequence[str], most: int, rest: str = "") -> dict[str, str]:
    """Give `most` values the names that a statement has for them; `rest` fills up what is left."""
    padded = (*values, *[rest] * most)[:most]
    return {f"{name}_{place}": value for place, value in enumerate(padded)}


def listed(
    connection: Connection, name: str, values: Sequence[str], most: int, rest: str
) -> dict[str, object]:
    """Give values as the one list that PostgreSQL takes, or numbered where there are no lists."""
    if connection.dialect.name == "postgresql":
        return {f"{name}s": values}
    return dict(numbered(name, values, most, rest))


def in_pyformat(sql: str) -> str:
    """Write a statement's `:names` as the driver of PostgreSQL reads them."""
    return re.sub(r"(?<!:):(\w+)", r"%(\1)s", sql)


def _both(sql: str) -> Statement:
    return Statement(sql, in_pyformat(sql))


CALL_COLUMNS = (
    "direction",
    "phase",
    "status",
    "disposition",
    "disposition_raw",
    "is_own_leg",
    "outside_number",
    "outside_name",
    "did",
    "started_at",
    "answered_at",
    "ended_at",
    "ring_seconds",
    "talk_seconds",
    "answered_by_extension",
    "placed_by_extension",
    "user_id",
    "talking_user_id",
    "recording_count",
    "listed_on",
    "why_missed",
    "contact_id",
    "updated_at",
)
CALL_MOMENTS = ("started_at", "answered_at", "ended_at", "updated_at")

MOST_OTHERS = 4
MOST_SHORTS = 2
MOST_READINGS = 4
_FACT_VALUES = """
    SELECT :pbx_call_id, :kind, :content_key, :received_at,
           (SELECT id FROM "user" WHERE extension = :extension AND active),
           {owners}, {known}, :data, :raw
"""
_INSERT_FACT = """
    INSERT INTO call_fact
        (pbx_call_id, kind, content_key, received_at, user_id, owners, known, data, raw)
    {values} ON CONFLICT (content_key) DO NOTHING
    RETURNING user_id, owners, known,
              (SELECT id FROM call WHERE call.pbx_call_id = {pbx_call_id}) IS NOT NULL
"""
# SQLite takes "ON CONFLICT" for a join after a SELECT without a WHERE. On PostgreSQL two
# facts of one call may be stored at the same moment; the second waits here for a lock, so that it
# folds what the first has stored. One statement does both, to save a round trip.
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(:pbx_call_id, 0))"


def _insert_fact(on_sqlite: Values, on_postgresql: Values) -> Statement:
    for_sqlite = _FACT_VALUES.format(**on_sqlite) + "WHERE true"
    for_postgresql = _FACT_VALUES.format(**on_postgresql).replace(
        ":received_at", "CAST(:received_at AS timestamptz)"
    )
    one_by_one = f"{for_postgresql} FROM ({_LOCK}) AS one_by_one"
    return Statement(
        # With the column of the new row SQLite would read all calls.
        _INSERT_FACT.format(values=for_sqlite, pbx_call_id=":pbx_call_id"),
        in_pyformat(_INSERT_FACT.format(values=one_by_one, pbx_call_id="call_fact.pbx_call_id")),
    )


_NOTHING = "CAST(NULL AS text)"
INSERT_FACT = _insert_fact(
    {"owners": "NULL", "known": "NULL"}, {"owners": _NOTHING, "known": _NOTHING}
)
_OWNERS = """(
    SELECT {as_json} FROM "user"
    WHERE active AND extension IN (:other_0, :other_1, :other_2, :other_3)
)"""
# A short number is ours if a user has it, enabled or not, or if the PBX has listed it among its
# extensions: that list is kept by the package above, where the PBX is asked.
_EXTENSIONS = """
    SELECT extension AS number FROM "user" WHERE extension IN (:short_0, :short_1)
    UNION SELECT {value} FROM telephony_settings, {each} WHERE {value} IN (:short_0, :short_1)
"""
_NUMBERS = """
    SELECT DISTINCT number FROM contact_phone JOIN contact ON contact.id = contact_phone.contact_id
    WHERE number IN (:reading_0, :reading_1, :reading_2, :reading_3) AND deleted_at IS NULL
"""
_KNOWN_ON_SQLITE = "json_object('extensions', ({}), 'numbers', ({}))".format(
    *(
        f"SELECT json_group_array(number) FROM ({found})"  # noqa: S608 (our own words)
        for found in (
            _EXTENSIONS.format(value="value", each="json_each(extensions_json)"),
            _NUMBERS,
        )
    )
)
_KNOWN_ON_POSTGRESQL = (
    "CAST(json_build_object('extensions', ({}), 'numbers', ({})) AS text)".format(
        *(
            f"SELECT json_agg(number) FROM ({found}) AS known"  # noqa: S608 (our own words)
            for found in (
                _EXTENSIONS.format(
                    value="value",
                    each="json_array_elements_text(CAST(extensions_json AS json)) AS value",
                ),
                _NUMBERS,
            )
        )
    )
)
# Where a fact names more than one of our extensions, a short number that may be one, or a number
# with two readings; few do, and they need not be as quick.
INSERT_FACT_OF_SEVERAL = _insert_fact(
    {
        "owners": _OWNERS.format(as_json="json_group_object(extension, id)"),
        "known": _KNOWN_ON_SQLITE,
    },
    {
        "owners": _OWNERS.format(
            as_json="COALESCE(CAST(json_object_agg(extension, id) AS text), '{}')"
        ),
        "known": _KNOWN_ON_POSTGRESQL,
    },
)
# SQLite has one writer at a time, and needs none.
LOCK_CALL = Statement("SELECT :pbx_call_id", _both(_LOCK).postgresql)

FACTS_AND_CALL = _both("""
    SELECT f.data, f.user_id, f.owners, f.known, c.id, c.contact_id, c.contact_is_chosen
    FROM call_fact f LEFT JOIN call c ON c.pbx_call_id = f.pbx_call_id
    WHERE f.pbx_call_id = :pbx_call_id ORDER BY f.id
""")
UPDATE_FACT = _both("UPDATE call_fact SET data = :data WHERE content_key = :content_key")
_RESPONSIBLE = "(SELECT responsible_id FROM contact WHERE contact.id = :contact_id)"
INSERT_CALL = _both(
    f"""
    INSERT INTO call (pbx_call_id, contact_is_chosen, responsible_id, {", ".join(CALL_COLUMNS)})
    VALUES (:pbx_call_id, false, {_RESPONSIBLE}, {", ".join(f":{name}" for name in CALL_COLUMNS)})
    ON CONFLICT (pbx_call_id) DO NOTHING RETURNING id, responsible_id
    """,  # noqa: S608 (our own column names)
)
UPDATE_CALL = _both(
    f"""
    UPDATE call SET {", ".join(f"{name} = :{name}" for name in CALL_COLUMNS)},
    responsible_id = {_RESPONSIBLE} WHERE id = :call_id RETURNING id, responsible_id
    """,  # noqa: S608 (our own column names)
)

UPSERT_LEG = _both(
    """
    INSERT INTO call_leg (call_id, extension, transferred_from, user_id, state,
                          started_at, rang_at, answered_at, stopped_at, talk_seconds)
    VALUES (:call_id, :extension, :transferred_from, :user_id, :state,
            :started_at, :rang_at, :answered_at, :stopped_at, :talk_seconds)
    ON CONFLICT (call_id, extension, transferred_from) DO UPDATE SET
        user_id = excluded.user_id, state = excluded.state, started_at = excluded.started_at,
        rang_at = excluded.rang_at, answered_at = excluded.answered_at,
        stopped_at = excluded.stopped_at, talk_seconds = excluded.talk_seconds
    """,
)
DELETE_LEG = _both("""
    DELETE FROM call_leg
    WHERE call_id = :call_id AND extension = :extension AND transferred_from = :transferred_from
""")
INSERT_RECORDING = _both("""
    INSERT INTO call_recording (call_id, recording_id) VALUES (:call_id, :recording_id)
    ON CONFLICT (call_id, recording_id) DO NOTHING
""")
DELETE_RECORDING = _both("""
    DELETE FROM call_recording WHERE call_id = :call_id AND recording_id = :recording_id
""")
# What was saved or dismissed waits again only for a talk that began after that.
WAIT_FOR_WRITE_UP = _both("""
    INSERT INTO call_wrapup (call_id, user_id, outcome, note, task_title, task_has_time,
                             updated_at, waits_since)
    VALUES (:call_id, :user_id, '', '', '', false, :now, :waits_since)
    ON CONFLICT (call_id, user_id) DO UPDATE SET waits_since = excluded.waits_since
    WHERE (call_wrapup.saved_at IS NULL OR call_wrapup.saved_at < :began_at)
      AND (call_wrapup.dismissed_at IS NULL OR call_wrapup.dismissed_at < :began_at)
""")
WAIT_NO_MORE = _both("""
    UPDATE call_wrapup SET waits_since = NULL WHERE call_id = :call_id AND user_id = :user_id
""")
FORGET_LEGS = _both("DELETE FROM call_leg WHERE call_id = :call_id")
FORGET_RECORDINGS = _both("DELETE FROM call_recording WHERE call_id = :call_id")

USERS_BY_EXTENSION = text(
    'SELECT extension, id FROM "user" WHERE extension IN :extensions AND active'
).bindparams(bindparam("extensions", expanding=True))

# Who got an extension after it had rung for nobody: the first one since then.
TAKEN_EXTENSIONS = text("""
    SELECT extension, owner_id FROM taken_calls
    WHERE extension IN :extensions AND undone_at IS NULL AND created_at >= :began
    ORDER BY created_at DESC
""").bindparams(bindparam("extensions", expanding=True), bindparam("began", type_=UtcDateTime()))

# It looks only at live calls that began long enough ago, and at no more of them once it has found
# enough that are silent. As a plain condition the start would be looked up in the index of the
# whole log.
SILENT_CALLS: TextualSelect = (
    text("""
    SELECT pbx_call_id, heard_at FROM (
        SELECT pbx_call_id, phase, (
            SELECT MAX(received_at) FROM call_fact f WHERE f.pbx_call_id = call.pbx_call_id
        ) AS heard_at FROM call
        WHERE phase <> 'ended' AND CASE WHEN started_at <= :ringing_since THEN 1 ELSE 0 END = 1
    ) AS live
    WHERE heard_at <= CASE phase WHEN 'ringing' THEN :ringing_since ELSE :talking_since END
    LIMIT :size
""")
    .bindparams(
        bindparam("ringing_since", type_=UtcDateTime()),
        bindparam("talking_since", type_=UtcDateTime()),
    )
    .columns(column("pbx_call_id"), column("heard_at", UtcDateTime()))
)
NEXT_CALL_IDS = text("""
    SELECT DISTINCT pbx_call_id FROM call_fact
    WHERE pbx_call_id > :after ORDER BY pbx_call_id LIMIT :size
""")
NEXT_CALLS_WITHOUT_FACTS = text("""
    SELECT id FROM call WHERE id > :after AND NOT EXISTS
        (SELECT 1 FROM call_fact f WHERE f.pbx_call_id = call.pbx_call_id)
    ORDER BY id LIMIT :size
""")
FORGET_CALL_WITHOUT_FACTS = text("""
    DELETE FROM call WHERE id = :call_id AND NOT EXISTS
        (SELECT 1 FROM call_fact f WHERE f.pbx_call_id = call.pbx_call_id)
""")
