"""text messages that are sent and shown, and the office's texts for them

Revision: 0047, after 0046
"""

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    op.create_table(
        "message_template",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_template")),
        sa.UniqueConstraint("name", name=op.f("uq_message_template_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("direction", sa.String(10), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("number", sa.String(40), nullable=False),
        sa.Column("line", sa.String(40), nullable=False),
        sa.Column("contact_id", sa.Integer()),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("source_id", sa.Integer()),
        sa.Column("owner_id", sa.Integer()),
        sa.Column("handled_at", TIME),
        sa.Column("user_id", sa.Integer()),
        sa.Column("error_code", sa.String(40), nullable=False),
        sa.Column("error_words", sa.String(200), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("cost", sa.String(20), nullable=False),
        sa.Column("currency", sa.String(8), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"],
            ["contact.id"],
            name=op.f("fk_message_contact_id_contact"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["text_message.id"], name=op.f("fk_message_source_id_text_message")
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["user.id"], name=op.f("fk_message_owner_id_user")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_message_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("source_id", name=op.f("uq_message_source_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_message_at", "message", ["at", "id"])
    op.create_index("ix_message_contact", "message", ["contact_id", "at"])
    op.create_index("ix_message_number", "message", ["number", "at"])
    waits = sa.text("direction = 'inbound' AND handled_at IS NULL")
    op.create_index(
        "ix_message_waiting", "message", ["at", "id"], sqlite_where=waits, postgresql_where=waits
    )
    op.create_index("ix_text_message_sender", "text_message", ["sender", "received_at"])


def downgrade() -> None:
    """Bring the database back to the revision before; messages that came in are still kept."""
    op.drop_index("ix_text_message_sender", "text_message")
    op.drop_table("message")
    op.drop_table("message_template")
