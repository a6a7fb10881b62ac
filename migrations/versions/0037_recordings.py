"""recordings

Revision: 0037, after 0036
"""

import sqlalchemy as sa
from alembic import op

from crm_app import search_index

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

HEARS = {"agents_hear": "own", "managers_hear": "all", "admins_hear": "all"}


def moment(name: str, nullable: bool = True) -> "sa.Column[object]":
    """Make a column for a moment."""
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    op.add_column(
        "user", sa.Column("team", sa.String(length=60), nullable=False, server_default="")
    )
    for name, reach in HEARS.items():
        op.add_column(
            "office_settings",
            sa.Column(name, sa.String(length=10), nullable=False, server_default=reach),
        )
    _make_recordings()
    op.create_table(
        "listening",
        sa.Column("id", sa.Integer(), nullable=False),
        moment("at", nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("recording_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_listening_user_id_user")),
        sa.ForeignKeyConstraint(
            ["recording_id"], ["recording.id"],
            name=op.f("fk_listening_recording_id_recording"), ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listening")),
    )  # fmt: skip
    op.create_index("ix_listening_list", "listening", ["at", "id"])
    op.create_index("ix_listening_user", "listening", ["user_id", "at", "id"])
    op.create_index("ix_listening_recording", "listening", ["recording_id", "at"])
    op.create_table(
        "transcript",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("recording_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("language", sa.String(length=12), nullable=False),
        sa.Column("phrases", sa.JSON(), nullable=False),
        moment("asked_at", nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False, server_default=""),
        sa.ForeignKeyConstraint(
            ["recording_id"], ["recording.id"],
            name=op.f("fk_transcript_recording_id_recording"), ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transcript")),
        sa.UniqueConstraint("recording_id", name=op.f("uq_transcript_recording_id")),
        sqlite_autoincrement=True,
    )  # fmt: skip
    for statement in search_index.statements("transcript", op.get_bind().dialect.name):
        op.execute(statement)
    op.create_table(
        "line_retention",
        sa.Column("line", sa.String(length=40), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("line", name=op.f("pk_line_retention")),
    )


def _make_recordings() -> None:
    op.create_table(
        "recording",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.Integer(), nullable=False),
        sa.Column("recording_id", sa.String(length=120), nullable=False),
        moment("recorded_at", nullable=False),
        moment("noted_at", nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        moment("next_try_at"),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("media_type", sa.String(length=20), nullable=False),
        sa.Column("is_stereo", sa.Boolean(), nullable=False),
        sa.Column("peaks", sa.LargeBinary(), nullable=False),
        moment("fetched_at"),
        moment("held_at"),
        sa.Column("held_by_id", sa.Integer(), nullable=True),
        sa.Column("hold_reason", sa.String(length=200), nullable=False),
        moment("deleted_at"),
        sa.Column("deleted_by_id", sa.Integer(), nullable=True),
        sa.Column("deletion", sa.String(length=20), nullable=False),
        moment("here_at"),
        sa.Column("here_answer", sa.String(length=20), nullable=False),
        moment("pbx_at"),
        sa.Column("pbx_answer", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_id"], ["call.id"], name=op.f("fk_recording_call_id_call"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["held_by_id"], ["user.id"], name=op.f("fk_recording_held_by_id_user")
        ),
        sa.ForeignKeyConstraint(
            ["deleted_by_id"], ["user.id"], name=op.f("fk_recording_deleted_by_id_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recording")),
        sa.UniqueConstraint(
            "call_id", "recording_id", name=op.f("uq_recording_call_id_recording_id")
        ),
    )
    for state, column in (("ready", "recorded_at"), ("deleted", "deleted_at")):
        where = sa.text(f"state = '{state}'")
        op.create_index(
            f"ix_recording_{state}", "recording", [column],
            sqlite_where=where, postgresql_where=where,
        )  # fmt: skip
    op.create_index("ix_recording_list", "recording", ["recorded_at", "id"])


def downgrade() -> None:
    """Bring the database back to the revision before."""
    for statement in search_index.drop_statements("transcript", op.get_bind().dialect.name):
        op.execute(statement)
    for name in ("line_retention", "transcript", "listening", "recording"):
        op.drop_table(name)
    for name in HEARS:
        op.drop_column("office_settings", name)
    op.drop_column("user", "team")
