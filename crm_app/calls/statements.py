"""The SQL of the hot path: built once, the same on both engines but for one lock."""

from sqlalchemy import TextClause, bindparam, column, text
from sqlalchemy.sql.selectable import TextualSelect

from crm_app.database import UtcDateTime

_CALL_COLUMNS = (
    "direction",
    "phase",
    "status",
    "disposition",
    "disposition_raw",
    "is_own_leg",
    "outside_number",
    "did",
    "started_at",
    "answered_at",
    "ended_at",
    "ring_seconds",
    "talk_seconds",
    "answered_by_extension",
    "placed_by_extension",
    "user_id",
    "recording_count",
    "contact_id",
    "updated_at",
)
_MOMENTS = ("received_at", "started_at", "answered_at", "ended_at", "updated_at")
_LEG_MOMENTS = ("rang_at", "answered_at", "stopped_at")


def _timed(sql: str, *moments: str) -> TextClause:
    return text(sql).bindparams(*(bindparam(name, type_=UtcDateTime()) for name in moments))


_FACT_VALUES = """
    SELECT :pbx_call_id, :kind, :content_key, :received_at,
           (SELECT id FROM "user" WHERE extension = :extension AND active), :data, :raw
"""
_INSERT_FACT = """
    INSERT INTO call_fact (pbx_call_id, kind, content_key, received_at, user_id, data, raw)
    {values} ON CONFLICT (content_key) DO NOTHING RETURNING id
"""
# SQLite cannot tell "ON CONFLICT" from a join after a SELECT without a WHERE.
INSERT_FACT_SQLITE = _timed(_INSERT_FACT.format(values=_FACT_VALUES + "WHERE true"), "received_at")
# On PostgreSQL two facts of one call may be stored at the same moment; the second waits here, so
# that it folds what the first has stored. One statement does both, to save a round trip.
INSERT_FACT_POSTGRESQL = _timed(
    _INSERT_FACT.format(
        values=_FACT_VALUES.replace(":received_at", "CAST(:received_at AS timestamptz)")
        + "FROM (SELECT pg_advisory_xact_lock(hashtextextended(:pbx_call_id, 0))) AS one_by_one"
    ),
    "received_at",
)
LOCK_CALL_POSTGRESQL = text("SELECT pg_advisory_xact_lock(hashtextextended(:pbx_call_id, 0))")

FACTS_AND_CALL: TextualSelect = text("""
    SELECT f.id AS fact_id, f.data, f.user_id, c.id AS call_id, c.contact_id, c.contact_is_chosen
    FROM call_fact f LEFT JOIN call c ON c.pbx_call_id = f.pbx_call_id
    WHERE f.pbx_call_id = :pbx_call_id ORDER BY f.id
""").columns(
    column("fact_id"),
    column("data"),
    column("user_id"),
    column("call_id"),
    column("contact_id"),
    column("contact_is_chosen"),
)

INSERT_CALL = _timed(
    f"""
    INSERT INTO call (pbx_call_id, contact_is_chosen, {", ".join(_CALL_COLUMNS)})
    VALUES (:pbx_call_id, false, {", ".join(f":{name}" for name in _CALL_COLUMNS)}) RETURNING id
    """,  # noqa: S608 (our own column names)
    *(name for name in _MOMENTS if name in _CALL_COLUMNS),
)
UPDATE_CALL = _timed(
    f"""
    UPDATE call SET {", ".join(f"{name} = :{name}" for name in _CALL_COLUMNS)} WHERE id = :call_id
    """,  # noqa: S608 (our own column names)
    *(name for name in _MOMENTS if name in _CALL_COLUMNS),
)

UPSERT_LEG = _timed(
    """
    INSERT INTO call_leg
        (call_id, extension, transferred_from, user_id, rang_at, answered_at, stopped_at)
    VALUES (:call_id, :extension, :transferred_from, :user_id, :rang_at, :answered_at, :stopped_at)
    ON CONFLICT (call_id, extension, transferred_from) DO UPDATE SET
        user_id = excluded.user_id, rang_at = excluded.rang_at,
        answered_at = excluded.answered_at, stopped_at = excluded.stopped_at
    """,
    *_LEG_MOMENTS,
)
DELETE_LEG = text("""
    DELETE FROM call_leg
    WHERE call_id = :call_id AND extension = :extension AND transferred_from = :transferred_from
""")
INSERT_RECORDING = text("""
    INSERT INTO call_recording (call_id, recording_id) VALUES (:call_id, :recording_id)
    ON CONFLICT (recording_id) DO NOTHING
""")
FORGET_LEGS = text("DELETE FROM call_leg WHERE call_id = :call_id")
FORGET_RECORDINGS = text("DELETE FROM call_recording WHERE call_id = :call_id")

# Two rows are enough to know that a number does not tell whose it is.
CONTACTS_WITH_NUMBER = text("""
    SELECT DISTINCT c.id FROM contact_phone p JOIN contact c ON c.id = p.contact_id
    WHERE p.number = :number AND c.deleted_at IS NULL LIMIT 2
""")
USERS_BY_EXTENSION = text(
    'SELECT extension, id FROM "user" WHERE extension IN :extensions AND active'
).bindparams(bindparam("extensions", expanding=True))

SILENT_CALLS: TextualSelect = text("""
    SELECT c.pbx_call_id, c.phase, MAX(f.received_at) AS heard_at
    FROM call c JOIN call_fact f ON f.pbx_call_id = c.pbx_call_id
    WHERE c.phase <> 'ended' GROUP BY c.pbx_call_id, c.phase
""").columns(column("pbx_call_id"), column("phase"), column("heard_at", UtcDateTime()))
NEXT_CALL_IDS = text("""
    SELECT DISTINCT pbx_call_id FROM call_fact
    WHERE pbx_call_id > :after ORDER BY pbx_call_id LIMIT :size
""")
FORGET_CALLS_WITHOUT_FACTS = text("""
    DELETE FROM call WHERE NOT EXISTS
        (SELECT 1 FROM call_fact f WHERE f.pbx_call_id = call.pbx_call_id)
""")
