"""what was compared with the PBX's statistics

Revision: 0035, after 0034
"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

IS_LISTED = sa.text("listed_on IS NOT NULL")
SETTINGS = (
    ("heard_offset_seconds", sa.Integer()),
    ("clock_shifted_at", sa.DateTime(timezone=True)),
    ("clock_before_seconds", sa.Integer()),
    ("reconciled_at", sa.DateTime(timezone=True)),
    ("events_lost_since", sa.DateTime(timezone=True)),
    ("call_unheard_at", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    """Bring the database from the revision before to this one; no call of before is listed."""
    op.add_column("call", sa.Column("listed_on", sa.Date()))
    op.create_index(
        "ix_call_listed_on",
        "call",
        ["listed_on"],
        sqlite_where=IS_LISTED,
        postgresql_where=IS_LISTED,
    )
    for name, kind in SETTINGS:
        op.add_column("telephony_settings", sa.Column(name, kind))
    op.add_column(
        "telephony_settings",
        sa.Column("heard_offset_from", sa.String(10), nullable=False, server_default=""),
    )
    op.create_table(
        "reconciled_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("pbx", sa.Integer(), nullable=False),
        sa.Column("crm", sa.Integer(), nullable=False),
        sa.Column("difference", sa.Integer(), nullable=False),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_reconciled_day")),
    )
    op.create_table(
        "reconciled_call",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("pbx_call_id", sa.String(64), nullable=False),
        sa.Column("done", sa.String(10), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciled_call")),
        sa.UniqueConstraint("pbx_call_id", name=op.f("uq_reconciled_call_pbx_call_id")),
    )
    op.create_index(op.f("ix_reconciled_call_day"), "reconciled_call", ["day"])
    op.create_table(
        "history_load",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("months", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reached", sa.DateTime(timezone=True), nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(40), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("started_by_id", sa.Integer()),
        sa.CheckConstraint("id = 1", name=op.f("ck_history_load_only_one")),
        sa.ForeignKeyConstraint(
            ["started_by_id"], ["user.id"], name=op.f("fk_history_load_started_by_id_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_history_load")),
    )


def downgrade() -> None:
    """Bring the database back to the revision before."""
    op.drop_table("history_load")
    op.drop_table("reconciled_call")
    op.drop_table("reconciled_day")
    op.drop_column("telephony_settings", "heard_offset_from")
    for name, _ in reversed(SETTINGS):
        op.drop_column("telephony_settings", name)
    op.drop_index("ix_call_listed_on", table_name="call")
    op.drop_column("call", "listed_on")
