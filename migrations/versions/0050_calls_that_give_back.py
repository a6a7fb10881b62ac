"""dial requests that took a call-back

Revision: 0050, after 0049
"""

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None

_KEY = "fk_dial_request_call_back_event_id_call_back_event"
_IDS_STAY_UNIQUE = {"sqlite_autoincrement": True}


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    with op.batch_alter_table("dial_request", table_kwargs=_IDS_STAY_UNIQUE) as batch:
        batch.add_column(sa.Column("call_back_event_id", sa.Integer(), nullable=True))
        batch.create_foreign_key(
            batch.f(_KEY), "call_back_event", ["call_back_event_id"], ["id"], ondelete="SET NULL"
        )


def downgrade() -> None:
    """Bring the database back to the revision before."""
    with op.batch_alter_table("dial_request", table_kwargs=_IDS_STAY_UNIQUE) as batch:
        batch.drop_constraint(batch.f(_KEY), type_="foreignkey")
        batch.drop_column("call_back_event_id")
