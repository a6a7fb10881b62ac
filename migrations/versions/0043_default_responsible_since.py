"""when a default responsible was first chosen, which only the tasks of missed calls asked

Revision: 0043, after 0042
"""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

TABLE, COLUMN = "telephony_settings", "default_responsible_since"


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    op.drop_column(TABLE, COLUMN)


def downgrade() -> None:
    """Bring the database back to the revision before."""
    op.add_column(TABLE, sa.Column(COLUMN, sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE telephony_settings SET default_responsible_since = CURRENT_TIMESTAMP"
        " WHERE default_responsible_id IS NOT NULL"
    )
