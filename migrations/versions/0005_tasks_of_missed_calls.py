"""the tasks that missed calls make

Revision: 0005, after 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    op.create_table(
        "missed_call_task",
        sa.Column("call_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_id"], ["call.id"], name=op.f("fk_missed_call_task_call_id_call"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["task_id"], ["task.id"], name=op.f("fk_missed_call_task_task_id_task"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_missed_call_task")),
    )
    op.create_index(op.f("ix_missed_call_task_task_id"), "missed_call_task", ["task_id"])
    since = sa.DateTime(timezone=True)
    op.add_column(
        "telephony_settings", sa.Column("default_responsible_since", since, nullable=True)
    )
    # What was missed before makes no tasks.
    op.execute(
        "UPDATE telephony_settings SET default_responsible_since = CURRENT_TIMESTAMP"
        " WHERE default_responsible_id IS NOT NULL"
    )


def downgrade() -> None:
    """Bring the database back to the revision before."""
    op.drop_column("telephony_settings", "default_responsible_since")
    op.drop_table("missed_call_task")
