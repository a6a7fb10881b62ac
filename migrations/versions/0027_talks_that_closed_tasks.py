"""which talk completed the task of a missed call

Revision: 0027, after 0026
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

TABLE, COLUMN = "missed_call_task", "closed_by_call_id"


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    with op.batch_alter_table(TABLE) as batch:
        batch.add_column(sa.Column(COLUMN, sa.Integer()))
        batch.create_foreign_key(
            op.f(f"fk_{TABLE}_{COLUMN}_call"), "call", [COLUMN], ["id"], ondelete="SET NULL"
        )
        batch.create_index(op.f(f"ix_{TABLE}_{COLUMN}"), [COLUMN])


def downgrade() -> None:
    """Bring the database back to the revision before."""
    with op.batch_alter_table(TABLE) as batch:
        batch.drop_index(op.f(f"ix_{TABLE}_{COLUMN}"))
        batch.drop_constraint(op.f(f"fk_{TABLE}_{COLUMN}_call"), type_="foreignkey")
        batch.drop_column(COLUMN)
