"""days in the bin

Revision: 0021, after 0020
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    op.add_column(
        "office_settings", sa.Column("bin_days", sa.Integer(), server_default="90", nullable=False)
    )


def downgrade() -> None:
    """Bring the database from this revision to the one before."""
    op.drop_column("office_settings", "bin_days")
