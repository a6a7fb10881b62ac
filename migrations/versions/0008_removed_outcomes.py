"""outcomes that are offered no more

Revision: 0008, after 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    at = sa.DateTime(timezone=True)
    op.add_column("call_outcome", sa.Column("removed_at", at, nullable=True))


def downgrade() -> None:
    """Bring the database back to the revision before."""
    op.drop_column("call_outcome", "removed_at")
