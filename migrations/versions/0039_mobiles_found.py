"""mobiles are found by their numbers

Revision: 0039, after 0038
"""

from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    op.create_index(op.f("ix_user_mobile"), "user", ["mobile"])


def downgrade() -> None:
    """Bring the database back to the revision before."""
    op.drop_index(op.f("ix_user_mobile"), table_name="user")
