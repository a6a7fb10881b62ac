"""birthday

Revision: 0022, after 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    op.add_column("contact", sa.Column("birthday", sa.Date(), nullable=True))


def downgrade() -> None:
    """Bring the database from this revision to the one before."""
    op.drop_column("contact", "birthday")
