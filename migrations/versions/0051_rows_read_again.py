"""by which clock the rows of the statistics are read

Revision: 0051, after 0050
"""

import sqlalchemy as sa
from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    with op.batch_alter_table("telephony_settings") as table:
        table.add_column(sa.Column("rows_offset_seconds", sa.Integer()))
        table.add_column(sa.Column("rows_read_again_at", TIME))
        table.add_column(sa.Column("rows_since", TIME))
    # Whether what is there was read rightly nobody knows any more: it stays.
    op.execute(
        "UPDATE telephony_settings SET rows_offset_seconds = "
        "coalesce(heard_offset_seconds, clock_offset_seconds)"
    )


def downgrade() -> None:
    """Bring the database back to the revision before."""
    with op.batch_alter_table("telephony_settings") as table:
        for name in ("rows_since", "rows_read_again_at", "rows_offset_seconds"):
            table.drop_column(name)
