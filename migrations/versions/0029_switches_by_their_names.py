"""switches by their names, as texts; when each was turned on

Revision: 0029, after 0028
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

TABLE = sa.table("telephony_settings", sa.column("switches", sa.Text))


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    column = sa.Column("switched_on_json", sa.Text(), nullable=False, server_default="{}")
    op.add_column("telephony_settings", column)
    stored = _stored()
    if "shows_caller_name" in stored:
        _store({"caller_name": "on" if stored["shows_caller_name"] else "off"})


def downgrade() -> None:
    """Bring the database back to the revision before."""
    stored = _stored()
    if stored:
        _store({"shows_caller_name": stored.get("caller_name") != "off"})
    op.drop_column("telephony_settings", "switched_on_json")


def _stored() -> dict[str, object]:
    text = op.get_bind().scalar(sa.select(TABLE.c.switches))
    stored: dict[str, object] = json.loads(text or "{}")
    return stored


def _store(switches: dict[str, object]) -> None:
    op.execute(TABLE.update().values(switches=json.dumps(switches)))
