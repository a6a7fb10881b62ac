"""when the keys of the PBX were last tested

Revision: 0009, after 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    at = sa.DateTime(timezone=True)
    op.add_column("telephony_settings", sa.Column("tested_at", at, nullable=True))
    op.execute("UPDATE telephony_settings SET tested_at = balance_at")


def downgrade() -> None:
    """Bring the database back to the revision before."""
    op.drop_column("telephony_settings", "tested_at")
