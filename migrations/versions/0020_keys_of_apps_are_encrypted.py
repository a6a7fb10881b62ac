"""the keys of authenticator apps are named after what they are: encrypted

Revision: 0020, after 0019
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

TABLE = "authenticator_app"
RENAMED = {"secret_locked": "secret_encrypted", "pending_locked": "pending_encrypted"}


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    for old, new in RENAMED.items():
        _rename_column(old, new)


def downgrade() -> None:
    """Bring the database back to the revision before."""
    for old, new in RENAMED.items():
        _rename_column(new, old)


def _rename_column(old: str, new: str) -> None:
    op.execute(f"ALTER TABLE {TABLE} RENAME COLUMN {old} TO {new}")
    if op.get_bind().dialect.name != "postgresql":
        return
    # Since release 18 what may not be null has a name, which stays.
    names = sa.text("SELECT conname FROM pg_constraint WHERE conname = :name")
    if op.get_bind().scalar(names, {"name": f"{TABLE}_{old}_not_null"}):
        op.execute(
            f"ALTER TABLE {TABLE} RENAME CONSTRAINT {TABLE}_{old}_not_null"
            f" TO {TABLE}_{new}_not_null"
        )
