"""who does not call from a number

Revision: 0013, after 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    op.create_table(
        "not_this_person",
        sa.Column("number", sa.String(40), nullable=False),
        sa.Column("contact_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contact.id"], name=op.f("fk_not_this_person_contact_id_contact"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_not_this_person_user_id_user")
        ),
        sa.PrimaryKeyConstraint("number", "contact_id", name=op.f("pk_not_this_person")),
    )
    op.create_index(op.f("ix_not_this_person_contact_id"), "not_this_person", ["contact_id"])


def downgrade() -> None:
    """Bring the database back to the revision before."""
    op.drop_table("not_this_person")
