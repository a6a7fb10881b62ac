"""what waits to be written up

Revision: 0026, after 0025
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

WAITS = sa.text("waits_since IS NOT NULL")


def upgrade() -> None:
    """Bring the database from the revision before to this one; calls of before do not wait."""
    op.add_column("call_wrapup", sa.Column("waits_since", sa.DateTime(timezone=True)))
    op.add_column("call_wrapup", sa.Column("folded_at", sa.DateTime(timezone=True)))
    op.create_index(
        "ix_call_wrapup_waiting",
        "call_wrapup",
        ["user_id", "waits_since"],
        sqlite_where=WAITS,
        postgresql_where=WAITS,
    )


def downgrade() -> None:
    """Bring the database back to the revision before."""
    op.drop_index("ix_call_wrapup_waiting", table_name="call_wrapup")
    op.drop_column("call_wrapup", "folded_at")
    op.drop_column("call_wrapup", "waits_since")
