"""the black list

Revision: 0038, after 0037
"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Bring the database from the revision before to this one; nobody is blocked."""
    op.create_table(
        "blocked_number",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pattern", sa.String(20), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("by_id", sa.Integer()),
        sa.Column("at", TIME, nullable=False),
        sa.Column("expires_at", TIME),
        sa.ForeignKeyConstraint(["by_id"], ["user.id"], name=op.f("fk_blocked_number_by_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blocked_number")),
        sa.UniqueConstraint("pattern", name=op.f("uq_blocked_number_pattern")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_blocked_number_at", "blocked_number", ["at", "id"])
    op.create_table(
        "blocked_call",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("blocked_id", sa.Integer(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["blocked_id"],
            ["blocked_number.id"],
            name=op.f("fk_blocked_call_blocked_id_blocked_number"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blocked_call")),
    )
    op.create_index(op.f("ix_blocked_call_blocked_id"), "blocked_call", ["blocked_id"])


def downgrade() -> None:
    """Bring the database back to the revision before."""
    op.drop_table("blocked_call")
    op.drop_table("blocked_number")
