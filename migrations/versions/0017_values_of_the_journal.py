"""values of the journal

Revision: 0017, after 0016
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

ENTRY = sa.table(
    "journal_entry",
    sa.column("id", sa.Integer),
    sa.column("record_type", sa.String),
    sa.column("changes", sa.JSON),
)
# Of these only names were kept, from which no id can be told: they stay as the words shown then.
NAMES = {
    "contact": {"company", "responsible"},
    "lead": {"contact", "stage", "responsible"},
    "task": {"assignee", "contact", "lead"},
    "call": {"contact"},
    "pipeline": {"stage", "order"},
    "outcomes": {"outcomes"},
}
# Kept to be undone, and not shown.
HIDDEN = {"completed_at", "completed_by_id", "deleted_at", "refused_numbers"}
BATCH = 1_000


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    with op.batch_alter_table("journal_entry", schema=None) as batch_op:
        batch_op.add_column(sa.Column("version_before", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("version_after", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("batch", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("undoes_id", sa.Integer(), nullable=True))
        batch_op.create_index(batch_op.f("ix_journal_entry_batch"), ["batch"], unique=False)
        batch_op.create_index(batch_op.f("ix_journal_entry_undoes_id"), ["undoes_id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_journal_entry_undoes_id_journal_entry"),
            "journal_entry",
            ["undoes_id"],
            ["id"],
            ondelete="SET NULL",
        )
    rewrite(with_values)


def downgrade() -> None:
    """Bring the database from this revision to the one before."""
    rewrite(without_values)
    with op.batch_alter_table("journal_entry", schema=None) as batch_op:
        batch_op.drop_constraint(
            batch_op.f("fk_journal_entry_undoes_id_journal_entry"), type_="foreignkey"
        )
        batch_op.drop_index(batch_op.f("ix_journal_entry_undoes_id"))
        batch_op.drop_index(batch_op.f("ix_journal_entry_batch"))
        for column in ("undoes_id", "batch", "version_after", "version_before"):
            batch_op.drop_column(column)


def rewrite(change: Any) -> None:
    """Write the changes of all entries in another form."""
    connection, last = op.get_bind(), 0
    while True:
        entries = connection.execute(
            sa.select(ENTRY).where(ENTRY.c.id > last).order_by(ENTRY.c.id).limit(BATCH)
        ).all()
        if not entries:
            return
        last = entries[-1].id
        rows = [
            {"its_id": entry.id, "its_changes": change(entry.record_type, entry.changes)}
            for entry in entries
            if entry.changes
        ]
        if rows:
            connection.execute(
                ENTRY.update()
                .where(ENTRY.c.id == sa.bindparam("its_id"))
                .values(changes=sa.bindparam("its_changes")),
                rows,
            )


def with_values(record_type: str, changes: dict[str, Any]) -> dict[str, Any]:
    """Tell the values from the names: [old, new] becomes {"old": …, "new": …}."""
    return {
        field: {
            side: {"value" if is_value(record_type, field, words) else "shown": words}
            for side, words in zip(("old", "new"), pair, strict=True)
        }
        for field, pair in changes.items()
    }


def is_value(record_type: str, field: str, words: Any) -> bool:
    """Whether it says all that the record held."""
    # Of an amount that was empty the currency was not kept.
    is_amount_without_currency = (record_type, field, words) == ("lead", "value", None)
    return not is_amount_without_currency and field not in NAMES.get(record_type, set())


def without_values(_record_type: str, changes: dict[str, Any]) -> dict[str, Any]:
    """Leave what is shown."""
    return {
        field: [
            change[side].get("shown", change[side].get("value")) for side in ("old", "new")
        ]
        for field, change in changes.items()
        if field not in HIDDEN
    }
