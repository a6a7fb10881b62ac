"""mobiles, who is away, numbers of the PBX and which phones are registered

Revision: 0031, after 0030
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
DEPUTY = "fk_user_deputy_id_user"


def upgrade() -> None:
    """Bring the database from the revision before to this one; everybody is here."""
    with op.batch_alter_table("user") as batch:
        batch.add_column(sa.Column("mobile", sa.String(20), server_default="", nullable=False))
        batch.add_column(sa.Column("away_since", TIME))
        batch.add_column(sa.Column("away_until", TIME))
        batch.add_column(sa.Column("deputy_id", sa.Integer()))
        batch.create_foreign_key(op.f(DEPUTY), "user", ["deputy_id"], ["id"])
    op.create_table(
        "direct_number",
        sa.Column("number", sa.String(20), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("stops_at", sa.String(20), nullable=False),
        sa.Column("renews_itself", sa.Boolean(), nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_direct_number")),
    )
    op.create_table(
        "phone_state",
        sa.Column("extension", sa.String(5), nullable=False),
        sa.Column("is_registered", sa.Boolean(), nullable=False),
        sa.Column("asked_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("extension", name=op.f("pk_phone_state")),
    )


def downgrade() -> None:
    """Bring the database back to the revision before."""
    op.drop_table("phone_state")
    op.drop_table("direct_number")
    with op.batch_alter_table("user") as batch:
        batch.drop_constraint(op.f(DEPUTY), type_="foreignkey")
        for column in ("deputy_id", "away_until", "away_since", "mobile"):
            batch.drop_column(column)
