"""the switches of the automatic functions in one column; keys and token by their names

Revision: 0018, after 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

RENAMED = {"key_locked": "key_encrypted", "secret_locked": "secret_encrypted"}
ON, OFF = '{"shows_caller_name":true}', '{"shows_caller_name":false}'
KINDS = {"tail_made": "token_made", "tail_removed": "token_removed"}


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    column = sa.Column("switches", sa.Text(), nullable=False, server_default="{}")
    op.add_column("telephony_settings", column)
    change = sa.text(
        "UPDATE telephony_settings SET switches = CASE WHEN shows_caller_name THEN :on ELSE :off END"
    )
    op.execute(change.bindparams(on=ON, off=OFF))
    op.drop_column("telephony_settings", "shows_caller_name")
    for old, new in RENAMED.items():
        _rename_column(old, new)
    for old, new in KINDS.items():
        _rename_kind(old, new)
    op.execute(
        "UPDATE security_event SET detail = 'token'"
        " WHERE kind = 'webhook_refused' AND detail = 'tail'"
    )


def downgrade() -> None:
    """Bring the database back to the revision before."""
    for old, new in KINDS.items():
        _rename_kind(new, old)
    for old, new in RENAMED.items():
        _rename_column(new, old)
    column = sa.Column("shows_caller_name", sa.Boolean(), nullable=False, server_default=sa.true())
    op.add_column("telephony_settings", column)
    change = sa.text(
        "UPDATE telephony_settings SET shows_caller_name = false WHERE switches LIKE :off"
    )
    op.execute(change.bindparams(off=f"%{OFF.strip('{}')}%"))
    op.drop_column("telephony_settings", "switches")


def _rename_column(old: str, new: str) -> None:
    table = "telephony_settings"
    op.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")
    if op.get_bind().dialect.name != "postgresql":
        return
    # Since release 18 what may not be null has a name, which stays.
    names = sa.text("SELECT conname FROM pg_constraint WHERE conname = :name")
    if op.get_bind().scalar(names, {"name": f"{table}_{old}_not_null"}):
        op.execute(
            f"ALTER TABLE {table} RENAME CONSTRAINT {table}_{old}_not_null"
            f" TO {table}_{new}_not_null"
        )


def _rename_kind(old: str, new: str) -> None:
    for statement in (
        "UPDATE security_event SET kind = :new WHERE kind = :old",
        "UPDATE security_count SET kind = :new WHERE kind = :old",
        "UPDATE journal_entry SET action = :new WHERE action = :old",
    ):
        op.execute(sa.text(statement).bindparams(old=old, new=new))
