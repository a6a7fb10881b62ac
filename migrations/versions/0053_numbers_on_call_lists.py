"""leads that have only a number on call lists

Revision: 0053, after 0052
"""

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None

_CHECK = "ck_call_list_entry_has_client"
_IDS_STAY_UNIQUE = {"sqlite_autoincrement": True}


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    with op.batch_alter_table("call_list_entry", table_kwargs=_IDS_STAY_UNIQUE) as batch:
        batch.alter_column("contact_id", existing_type=sa.Integer(), nullable=True)
        batch.create_check_constraint(
            batch.f(_CHECK), "contact_id IS NOT NULL OR lead_id IS NOT NULL"
        )


def downgrade() -> None:
    """Bring the database back to the revision before."""
    op.execute("DELETE FROM call_list_entry WHERE contact_id IS NULL")
    with op.batch_alter_table("call_list_entry", table_kwargs=_IDS_STAY_UNIQUE) as batch:
        batch.drop_constraint(batch.f(_CHECK), type_="check")
        batch.alter_column("contact_id", existing_type=sa.Integer(), nullable=False)
