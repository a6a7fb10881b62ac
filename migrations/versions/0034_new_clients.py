"""clients made of calls, and the numbers that never become clients

Revision: 0034, after 0033
"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    op.create_table(
        "new_client",
        sa.Column("number", sa.String(40), nullable=False),
        sa.Column("contact_id", sa.Integer()),
        sa.Column("lead_id", sa.Integer()),
        sa.Column("call_id", sa.Integer()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contact.id"],
            name=op.f("fk_new_client_contact_id_contact"), ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["lead_id"], ["lead.id"],
            name=op.f("fk_new_client_lead_id_lead"), ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["call_id"], ["call.id"],
            name=op.f("fk_new_client_call_id_call"), ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_new_client")),
    )  # fmt: skip
    for column in ("contact_id", "lead_id", "call_id"):
        op.create_index(op.f(f"ix_new_client_{column}"), "new_client", [column])
    op.create_table(
        "ignored_number",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(40), nullable=False),
        sa.Column("is_prefix", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("user_id", sa.Integer()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_ignored_number_user_id_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ignored_number")),
        sa.UniqueConstraint(
            "number", "is_prefix", name=op.f("uq_ignored_number_number_is_prefix")
        ),
        sqlite_autoincrement=True,
    )  # fmt: skip
    number = sa.Column("number", sa.String(40), nullable=False, server_default="")
    op.add_column("lead", number)
    op.create_index(
        "ix_lead_number", "lead", ["number"],
        sqlite_where=sa.text("number <> ''"), postgresql_where=sa.text("number <> ''"),
    )  # fmt: skip


def downgrade() -> None:
    """Bring the database back to the revision before."""
    op.drop_index("ix_lead_number", "lead")
    op.drop_column("lead", "number")
    op.drop_table("ignored_number")
    op.drop_table("new_client")
