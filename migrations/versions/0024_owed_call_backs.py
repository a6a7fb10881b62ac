"""owed call-backs

Revision: 0024, after 0023
"""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

WAS_LOOKED_FOR = timedelta(days=7)
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Owe what the release before would have found by itself: missed calls of nobody's clients."""
    now = datetime.now(UTC)
    bound = sa.bindparam("since", now - WAS_LOOKED_FOR, MOMENT)
    missed = sa.text(
        "SELECT call.pbx_call_id FROM call LEFT JOIN contact ON contact.id = call.contact_id"
        " WHERE call.status IN ('missed', 'voicemail') AND call.direction = 'inbound'"
        " AND call.outside_number <> '' AND call.started_at >= :since"
        " AND (contact.responsible_id IS NULL OR contact.deleted_at IS NOT NULL)"
        " AND NOT EXISTS (SELECT 1 FROM missed_call_task m WHERE m.call_id = call.id)"
        " ORDER BY call.started_at"
    ).bindparams(bound)
    job = sa.table(
        "job",
        sa.column("kind"), sa.column("unique_key"), sa.column("payload", sa.JSON()),
        sa.column("due_at", MOMENT), sa.column("created_at", MOMENT), sa.column("tries"),
        sa.column("leased_by"), sa.column("last_error"),
    )  # fmt: skip
    rows = [
        {
            "kind": "call_back", "unique_key": f"call_back:{name}", "payload": {"call": name},
            "due_at": now, "created_at": now, "tries": 0, "leased_by": "", "last_error": "",
        }
        for name in op.get_bind().scalars(missed)
    ]  # fmt: skip
    if rows:
        op.bulk_insert(job, rows)


def downgrade() -> None:
    """The release before finds its missed calls by itself."""
    op.execute("DELETE FROM job WHERE kind IN ('call_back', 'no_call_back', 'talked')")
