"""why calls were missed, and the counts of the reports

Revision: 0040, after 0039
"""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

IS_KNOWN = sa.text("why_missed IS NOT NULL")
# As `calls/fold/why_missed.py` decides it, of what the rows tell.
FILL = """
    UPDATE call SET why_missed = CASE
        WHEN status = 'blocked' THEN 'blocked'
        WHEN disposition IN ('no_money', 'limit', 'busy') THEN disposition
        WHEN disposition = 'unfinished' THEN 'unknown'
        WHEN disposition = 'cancelled' THEN CASE WHEN {rang} THEN 'gave_up' ELSE 'early' END
        WHEN NOT {rang} THEN 'no_phone'
        WHEN disposition IN ('failed', 'unallocated') THEN 'failed'
        ELSE 'no_answer' END
    WHERE status IN ('blocked', 'missed', 'voicemail')
       OR (status = 'unfinished' AND direction = 'inbound' AND answered_at IS NULL)
"""
RANG = """(
    EXISTS (SELECT 1 FROM call_leg WHERE call_leg.call_id = call.id AND rang_at IS NOT NULL)
    OR NOT EXISTS (SELECT 1 FROM call_fact WHERE call_fact.pbx_call_id = call.pbx_call_id
                   AND kind IN ('started', 'rang', 'answered', 'menu', 'outgoing_started')))
"""


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    op.add_column("call", sa.Column("why_missed", sa.String(20)))
    op.execute(FILL.format(rang=RANG))
    op.create_index(
        "ix_call_list_why_missed",
        "call",
        ["why_missed", "started_at", "id"],
        sqlite_where=IS_KNOWN,
        postgresql_where=IS_KNOWN,
    )
    op.create_index("ix_call_updated_at", "call", ["updated_at"])
    op.create_table(
        "report_count",
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("whose", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("key", sa.String(40), nullable=False),
        *[
            sa.Column(name, sa.Integer(), nullable=False)
            for name in (
                "incoming",
                "answered",
                "missed",
                "outgoing",
                "reached",
                "internal",
                "seconds",
            )
        ],
        sa.PrimaryKeyConstraint("kind", "whose", "day", "key", name=op.f("pk_report_count")),
    )
    op.create_table(
        "report_progress",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hours", sa.Text(), nullable=False),
        sa.Column("counted_from", sa.Date(), nullable=False),
        sa.Column("seen_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_report_progress_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_progress")),
    )


def downgrade() -> None:
    """Bring the database back to the revision before."""
    op.drop_table("report_progress")
    op.drop_table("report_count")
    op.drop_index("ix_call_updated_at", table_name="call")
    op.drop_index("ix_call_list_why_missed", table_name="call")
    op.drop_column("call", "why_missed")
