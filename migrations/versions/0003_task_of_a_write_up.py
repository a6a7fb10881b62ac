"""the task that a write-up has made

Revision: 0003, after 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    with op.batch_alter_table("call_wrapup") as batch:
        batch.add_column(sa.Column("task_id", sa.Integer(), nullable=True))
        batch.create_foreign_key(
            batch.f("fk_call_wrapup_task_id_task"), "task", ["task_id"], ["id"], ondelete="SET NULL"
        )
    op.create_index(op.f("ix_call_wrapup_task_id"), "call_wrapup", ["task_id"])


def downgrade() -> None:
    """Bring the database back to the revision before."""
    op.drop_index(op.f("ix_call_wrapup_task_id"), table_name="call_wrapup")
    with op.batch_alter_table("call_wrapup") as batch:
        batch.drop_constraint(batch.f("fk_call_wrapup_task_id_task"), type_="foreignkey")
        batch.drop_column("task_id")
