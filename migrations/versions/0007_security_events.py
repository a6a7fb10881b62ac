"""security events

Revision: 0007, after 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    op.create_table(
        "security_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("about_id", sa.Integer(), nullable=True),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("request_id", sa.String(length=20), nullable=False),
        sa.Column("detail", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(
            ["about_id"], ["user.id"], name=op.f("fk_security_event_about_id_user")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_security_event_user_id_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_security_event")),
    )
    for columns in (["at", "id"], ["kind", "at", "id"], ["user_id"], ["about_id"]):
        op.create_index(f"ix_security_event_{'_'.join(columns)}", "security_event", columns)
    op.create_table(
        "security_count",
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_security_count")),
    )


def downgrade() -> None:
    """Bring the database back to the revision before."""
    op.drop_table("security_count")
    op.drop_table("security_event")
