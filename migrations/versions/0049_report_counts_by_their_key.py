"""counts of reports stored by their key, on SQLite

Revision: 0049, after 0048
"""

from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the database from the revision before to this one; the counts stay."""
    _store(with_rowid=False)


def downgrade() -> None:
    """Bring the database back to the revision before."""
    _store(with_rowid=True)


def _store(*, with_rowid: bool) -> None:
    if op.get_bind().dialect.name == "sqlite":
        table_kwargs = {"sqlite_with_rowid": with_rowid}
        with op.batch_alter_table("report_count", recreate="always", table_kwargs=table_kwargs):
            # Nothing changes but how its rows are stored.
            pass
