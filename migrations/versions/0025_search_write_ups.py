"""search write-ups

Revision: 0025, after 0024
"""

import sqlalchemy as sa
from alembic import op

from crm_app import search_index, search_text

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

AT_ONCE = 1_000


def upgrade() -> None:
    """Find calls by what was noted about them."""
    column = sa.Column("search_text", sa.Text(), nullable=False, server_default="")
    op.add_column("call_wrapup", column)
    _fill()
    for statement in search_index.statements("call_wrapup", op.get_bind().dialect.name):
        op.execute(statement)
    if op.get_bind().dialect.name == "sqlite":
        op.execute("INSERT INTO call_wrapup_search (call_wrapup_search) VALUES ('rebuild')")


def _fill() -> None:
    connection = op.get_bind()
    wrapup = sa.table("call_wrapup", sa.column("id"), sa.column("note"), sa.column("search_text"))
    change = (
        wrapup.update()
        .where(wrapup.c.id == sa.bindparam("row"))
        .values(search_text=sa.bindparam("words"))
    )
    last = 0
    while rows := connection.execute(
        sa.select(wrapup.c.id, wrapup.c.note)
        .where(wrapup.c.id > last, wrapup.c.note != "")
        .order_by(wrapup.c.id)
        .limit(AT_ONCE)
    ).all():
        words = [{"row": row.id, "words": search_text.normalise(row.note)} for row in rows]
        connection.execute(change, words)
        last = rows[-1].id


def downgrade() -> None:
    """Take the index away, and what it reads."""
    if op.get_bind().dialect.name == "sqlite":
        for event in ("insert", "delete", "update"):
            op.execute(f"DROP TRIGGER call_wrapup_search_{event}")
        op.execute("DROP TABLE call_wrapup_search")
    else:
        op.execute("DROP INDEX ix_call_wrapup_search")
    op.drop_column("call_wrapup", "search_text")
