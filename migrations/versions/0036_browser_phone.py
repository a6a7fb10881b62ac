"""who uses the phone in the browser, and what it dials

Revision: 0036, after 0035
"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    for table, name in (("user", "has_browser_phone"), ("dial_request", "is_in_browser")):
        op.add_column(
            table, sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False)
        )


def downgrade() -> None:
    """Bring the database back to the revision before."""
    op.drop_column("dial_request", "is_in_browser")
    op.drop_column("user", "has_browser_phone")
