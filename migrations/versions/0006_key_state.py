"""key state

Revision: 0006, after 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    op.create_table(
        "key_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("former_peppers_json", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_key_state_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_state")),
    )
    op.add_column(
        "user",
        sa.Column("has_former_hash", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.execute('UPDATE "user" SET has_former_hash = true WHERE password IS NOT NULL')


def downgrade() -> None:
    """Bring the database back to the revision before."""
    op.drop_column("user", "has_former_hash")
    op.drop_table("key_state")
