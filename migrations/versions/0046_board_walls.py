"""addresses of boards for the office TV

Revision: 0046, after 0045
"""

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    op.create_table(
        "board_wall",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["user.id"], name=op.f("fk_board_wall_created_by_id_user")
        ),
        sa.ForeignKeyConstraint(
            ["revoked_by_id"], ["user.id"], name=op.f("fk_board_wall_revoked_by_id_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_board_wall")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_board_wall_token_hash")),
    )


def downgrade() -> None:
    """Bring the database back to the revision before."""
    op.drop_table("board_wall")
