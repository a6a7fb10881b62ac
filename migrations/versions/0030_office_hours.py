"""when the office is open

Revision: 0030, after 0029
"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    op.create_table(
        "office_hours",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("week", sa.Text(), nullable=False),
        sa.Column("holidays", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_office_hours_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_office_hours")),
    )


def downgrade() -> None:
    """Bring the database back to the revision before."""
    op.drop_table("office_hours")
