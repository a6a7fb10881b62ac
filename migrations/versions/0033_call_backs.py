"""call-backs instead of the tasks of missed calls

Revision: 0033, after 0032

An open task of a missed call becomes the open call-back of its client, with what people wrote into
it, and is completed: what it says stays where it is, with its contact. Tasks that are done stay.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
LONGEST = 500


def table(name: str, **columns: Any) -> Any:
    """Describe what this migration reads and writes of a table."""
    return sa.table(name, *[sa.column(key, kind) for key, kind in columns.items()])


TASK = table(
    "task", id=sa.Integer, title=sa.String, about=sa.Text, due_at=MOMENT, assignee_id=sa.Integer,
    contact_id=sa.Integer, completed_at=MOMENT, deleted_at=MOMENT, version=sa.Integer,
)  # fmt: skip
LINK = table("missed_call_task", call_id=sa.Integer, task_id=sa.Integer)
CALL = table(
    "call", id=sa.Integer, started_at=MOMENT, outside_number=sa.String, did=sa.String,
    contact_id=sa.Integer,
)  # fmt: skip
ENTRY = table(
    "journal_entry", record_type=sa.String, record_id=sa.Integer, action=sa.String,
    changes=sa.JSON, version_before=sa.Integer, version_after=sa.Integer, user_id=sa.Integer,
    at=MOMENT,
)  # fmt: skip
NOTE = table(
    "note", id=sa.Integer, record_type=sa.String, record_id=sa.Integer, text=sa.Text,
    user_id=sa.Integer, created_at=MOMENT,
)  # fmt: skip
CALL_BACK = table(
    "call_back", id=sa.Integer, contact_id=sa.Integer, number=sa.String, did=sa.String,
    owner_id=sa.Integer, is_chosen=sa.Boolean, due_at=MOMENT, misses=sa.Integer, tries=sa.Integer,
    first_missed_at=MOMENT, missed_at=MOMENT, done_reason=sa.String,
)  # fmt: skip
MISS = table("call_back_miss", call_id=sa.Integer, call_back_id=sa.Integer)
EVENT = table(
    "call_back_event", call_back_id=sa.Integer, kind=sa.String, at=MOMENT, user_id=sa.Integer,
    text=sa.Text,
)  # fmt: skip


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    op.create_table(
        "call_back",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("contact_id", sa.Integer(), nullable=True),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column(
            "tail",
            sa.String(length=40),
            sa.Computed(
                "CASE WHEN length(number) > 9 THEN substr(number, length(number) - 8) ELSE number END",
                persisted=True,
            ),
            nullable=False,
        ),
        sa.Column("did", sa.String(length=40), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("is_chosen", sa.Boolean(), nullable=False),
        sa.Column("taken_by_id", sa.Integer(), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lent_to_id", sa.Integer(), nullable=True),
        sa.Column(
            "holder_id",
            sa.Integer(),
            sa.Computed(
                "CASE WHEN taken_by_id IS NOT NULL THEN taken_by_id WHEN lent_at IS NOT NULL THEN lent_to_id ELSE owner_id END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("snoozed_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("escalated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("misses", sa.Integer(), nullable=False),
        sa.Column("first_missed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("missed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tried_by_id", sa.Integer(), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_how", sa.String(length=10), nullable=True),
        sa.Column("done_by_id", sa.Integer(), nullable=True),
        sa.Column("done_reason", sa.String(length=500), nullable=False),
        sa.Column("closed_by_call_id", sa.Integer(), nullable=True),
        sa.Column("reopened_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "contact_id IS NOT NULL OR number <> ''", name=op.f("ck_call_back_has_client")
        ),
        sa.ForeignKeyConstraint(
            ["closed_by_call_id"],
            ["call.id"],
            name=op.f("fk_call_back_closed_by_call_id_call"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contact.id"], name=op.f("fk_call_back_contact_id_contact")
        ),
        sa.ForeignKeyConstraint(
            ["done_by_id"], ["user.id"], name=op.f("fk_call_back_done_by_id_user")
        ),
        sa.ForeignKeyConstraint(
            ["lent_to_id"], ["user.id"], name=op.f("fk_call_back_lent_to_id_user")
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["user.id"], name=op.f("fk_call_back_owner_id_user")),
        sa.ForeignKeyConstraint(
            ["taken_by_id"], ["user.id"], name=op.f("fk_call_back_taken_by_id_user")
        ),
        sa.ForeignKeyConstraint(
            ["tried_by_id"], ["user.id"], name=op.f("fk_call_back_tried_by_id_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_back")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_call_back_closed_by", "call_back", ["closed_by_call_id"], unique=False)
    op.create_index(
        "ix_call_back_contact",
        "call_back",
        ["contact_id"],
        unique=True,
        sqlite_where=sa.text("contact_id IS NOT NULL"),
        postgresql_where=sa.text("contact_id IS NOT NULL"),
    )
    op.create_index(
        "ix_call_back_done",
        "call_back",
        ["done_at", "id"],
        unique=False,
        sqlite_where=sa.text("done_at IS NOT NULL"),
        postgresql_where=sa.text("done_at IS NOT NULL"),
    )
    op.create_index(
        "ix_call_back_due",
        "call_back",
        ["due_at", "id"],
        unique=False,
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_index(
        "ix_call_back_due_holder",
        "call_back",
        ["holder_id", "due_at", "id"],
        unique=False,
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_index(
        "ix_call_back_number",
        "call_back",
        ["number"],
        unique=True,
        sqlite_where=sa.text("contact_id IS NULL"),
        postgresql_where=sa.text("contact_id IS NULL"),
    )
    op.create_index(
        "ix_call_back_tail",
        "call_back",
        ["tail"],
        unique=False,
        sqlite_where=sa.text("contact_id IS NULL"),
        postgresql_where=sa.text("contact_id IS NULL"),
    )

    op.create_table(
        "call_back_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_back_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("other_id", sa.Integer(), nullable=True),
        sa.Column("call_id", sa.Integer(), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_back_id"],
            ["call_back.id"],
            name=op.f("fk_call_back_event_call_back_id_call_back"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["call_id"],
            ["call.id"],
            name=op.f("fk_call_back_event_call_id_call"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["other_id"], ["user.id"], name=op.f("fk_call_back_event_other_id_user")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_call_back_event_user_id_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_back_event")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_call_back_event_call_back_id_id"),
        "call_back_event",
        ["call_back_id", "id"],
        unique=False,
    )

    op.create_table(
        "call_back_miss",
        sa.Column("call_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("call_back_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_back_id"],
            ["call_back.id"],
            name=op.f("fk_call_back_miss_call_back_id_call_back"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["call_id"],
            ["call.id"],
            name=op.f("fk_call_back_miss_call_id_call"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_call_back_miss")),
    )
    op.create_index(
        op.f("ix_call_back_miss_call_back_id"), "call_back_miss", ["call_back_id"], unique=False
    )
    take_over(op.get_bind(), datetime.now(UTC))
    op.drop_index(op.f("ix_missed_call_task_closed_by_call_id"), "missed_call_task")
    op.drop_index(op.f("ix_missed_call_task_task_id"), "missed_call_task")
    op.drop_table("missed_call_task")


def downgrade() -> None:
    """Bring the database back to the revision before."""
    op.create_table(
        "missed_call_task",
        sa.Column("call_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("closed_by_call_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["call_id"],
            ["call.id"],
            name=op.f("fk_missed_call_task_call_id_call"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["closed_by_call_id"],
            ["call.id"],
            name=op.f("fk_missed_call_task_closed_by_call_id_call"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["task.id"],
            name=op.f("fk_missed_call_task_task_id_task"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_missed_call_task")),
    )
    for column in ("task_id", "closed_by_call_id"):
        op.create_index(op.f(f"ix_missed_call_task_{column}"), "missed_call_task", [column])
    for name in ("call_back_miss", "call_back_event", "call_back"):
        op.drop_table(name)


def take_over(connection: sa.Connection, now: datetime) -> None:
    """Make the call-backs of the tasks that are open, one for each client."""
    made: dict[tuple[int | None, str], int] = {}
    for task, calls in open_tasks(connection):
        last = calls[-1]
        contact_id = task.contact_id or last.contact_id
        number = next((call.outside_number for call in reversed(calls) if call.outside_number), "")
        if contact_id is None and not number:
            # There is nobody to call: it stays a task.
            continue
        written = list(written_into(connection, task))
        client = (contact_id, "" if contact_id else number)
        if client not in made:
            row = {
                "contact_id": contact_id, "number": number, "did": last.did,
                "owner_id": task.assignee_id, "is_chosen": bool(written),
                "due_at": task.due_at or calls[0].started_at, "misses": 0, "tries": 0,
                "first_missed_at": calls[0].started_at, "missed_at": last.started_at,
                "done_reason": "",
            }  # fmt: skip
            made[client] = connection.execute(
                CALL_BACK.insert().values(row).returning(CALL_BACK.c.id)
            ).scalar_one()
        row_id = made[client]
        misses = [{"call_id": call.id, "call_back_id": row_id} for call in calls]
        connection.execute(MISS.insert(), misses)
        connection.execute(
            CALL_BACK.update()
            .where(CALL_BACK.c.id == row_id)
            .values(misses=CALL_BACK.c.misses + len(calls))
        )
        for text, user_id, at in written:
            note = {"call_back_id": row_id, "kind": "noted", "at": at, "user_id": user_id}
            connection.execute(EVENT.insert().values(**note, text=text[:LONGEST]))
        complete(connection, task, now)


def open_tasks(connection: sa.Connection) -> Iterator[tuple[Any, list[Any]]]:
    """Give the open tasks of missed calls, each with its calls, the oldest first."""
    is_open = (TASK.c.completed_at.is_(None), TASK.c.deleted_at.is_(None))
    linked = sa.select(LINK.c.task_id)
    tasks = sa.select(TASK).where(*is_open, TASK.c.id.in_(linked)).order_by(TASK.c.id)
    for task in connection.execute(tasks).all():
        calls = (
            sa.select(CALL)
            .join(LINK, LINK.c.call_id == CALL.c.id)
            .where(LINK.c.task_id == task.id)
            .order_by(CALL.c.started_at, CALL.c.id)
        )
        yield task, list(connection.execute(calls).all())


def written_into(connection: sa.Connection, task: Any) -> Iterator[tuple[str, int | None, Any]]:
    """Give what people wrote into a task, and its notes, with who and when."""
    edited = (
        sa.select(ENTRY.c.user_id, ENTRY.c.at)
        .where(
            ENTRY.c.record_type == "task",
            ENTRY.c.record_id == task.id,
            ENTRY.c.action == "changed",
            ENTRY.c.user_id.is_not(None),
        )
        .order_by(ENTRY.c.at.desc())
        .limit(1)
    )
    entry = connection.execute(edited).first()
    if entry is not None:
        text = "\n".join(filter(None, (task.title, task.about)))
        yield text, entry.user_id, entry.at
    notes = sa.select(NOTE).where(NOTE.c.record_type == "task", NOTE.c.record_id == task.id)
    for note in connection.execute(notes.order_by(NOTE.c.id)).all():
        yield note.text, note.user_id, note.created_at


def complete(connection: sa.Connection, task: Any, now: datetime) -> None:
    """Tick a task off for nobody, as its history says."""
    changed = TASK.update().where(TASK.c.id == task.id)
    connection.execute(changed.values(completed_at=now, version=task.version + 1))
    connection.execute(
        ENTRY.insert().values(
            record_type="task", record_id=task.id, action="completed", changes={},
            version_before=task.version, version_after=task.version + 1, user_id=None, at=now,
        )
    )  # fmt: skip
