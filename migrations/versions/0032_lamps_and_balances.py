"""what the PBX said about the connection, and the balance of each day

Revision: 0032, after 0031
"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    op.create_table(
        "lamp_state",
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lamp_state")),
    )
    op.create_table(
        "daily_balance",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("cents", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(8), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_daily_balance")),
    )
    op.create_index("ix_call_fact_kind", "call_fact", ["kind", "received_at", "id"])


def downgrade() -> None:
    """Bring the database back to the revision before."""
    op.drop_index("ix_call_fact_kind", "call_fact")
    op.drop_table("daily_balance")
    op.drop_table("lamp_state")
