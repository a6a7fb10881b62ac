"""steps in which earlier calls went along with a number or an extension

Revision: 0042, after 0041
"""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

TAKEN = sa.text("taken_id IS NOT NULL")


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    op.create_table(
        "taken_calls",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("contact_id", sa.Integer()),
        sa.Column("number", sa.String(40), nullable=False),
        sa.Column("owner_id", sa.Integer()),
        sa.Column("extension", sa.String(10), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("by_id", sa.Integer()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True)),
        sa.Column("undone_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contact.id"],
            name=op.f("fk_taken_calls_contact_id_contact"), ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["user.id"], name=op.f("fk_taken_calls_owner_id_user")
        ),
        sa.ForeignKeyConstraint(["by_id"], ["user.id"], name=op.f("fk_taken_calls_by_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_taken_calls")),
        sqlite_autoincrement=True,
    )  # fmt: skip
    op.create_index("ix_taken_calls_contact", "taken_calls", ["contact_id", "id"])
    op.create_index("ix_taken_calls_extension", "taken_calls", ["extension", "created_at"])
    op.add_column("call", sa.Column("taken_id", sa.Integer()))
    op.create_index(
        "ix_call_taken", "call", ["taken_id"], sqlite_where=TAKEN, postgresql_where=TAKEN
    )


def downgrade() -> None:
    """Bring the database back to the revision before."""
    op.drop_index("ix_call_taken", "call")
    op.drop_column("call", "taken_id")
    op.drop_table("taken_calls")
