"""recordings that the PBX has not named, or under another id

Revision: 0052, after 0051
"""

import sqlalchemy as sa
from alembic import op

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    op.add_column(
        "recording",
        sa.Column("found_id", sa.String(length=120), nullable=False, server_default=""),
    )
    op.add_column(
        "recording",
        sa.Column("is_by_hand", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_index("ix_recording_name", "recording", ["recording_id"])
    op.drop_index("ix_recording_ready", "recording")
    _index("ix_recording_kept", "state <> 'deleted'")


def downgrade() -> None:
    """Bring the database back to the revision before."""
    op.drop_index("ix_recording_kept", "recording")
    _index("ix_recording_ready", "state = 'ready'")
    op.drop_index("ix_recording_name", "recording")
    op.drop_column("recording", "is_by_hand")
    op.drop_column("recording", "found_id")


def _index(name: str, rows: str) -> None:
    which = sa.text(rows)
    op.create_index(
        name, "recording", ["recorded_at"], sqlite_where=which, postgresql_where=which
    )
