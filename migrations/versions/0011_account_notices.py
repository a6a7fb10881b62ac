"""since when people have not read what was done to their accounts

Revision: 0011, after 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    op.add_column("user", sa.Column("notices_from", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Bring the database back to the revision before."""
    op.drop_column("user", "notices_from")
