"""whose calls

Revision: 0004, after 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# How crm_app.calls.responsible wrote it at this revision.
TRIGGER = {
    "sqlite": (
        "CREATE TRIGGER call_responsible AFTER UPDATE OF responsible_id ON contact "
        "WHEN old.responsible_id IS NOT new.responsible_id BEGIN "
        "UPDATE call SET responsible_id = new.responsible_id WHERE contact_id = new.id; END",
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION call_responsible() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "UPDATE call SET responsible_id = NEW.responsible_id WHERE contact_id = NEW.id; "
        "RETURN NULL; END $$",
        "CREATE TRIGGER call_responsible AFTER UPDATE OF responsible_id ON contact FOR EACH ROW "
        "WHEN (OLD.responsible_id IS DISTINCT FROM NEW.responsible_id) "
        "EXECUTE FUNCTION call_responsible()",
    ),
}
NO_TRIGGER = {
    "sqlite": "DROP TRIGGER IF EXISTS call_responsible",
    "postgresql": "DROP FUNCTION IF EXISTS call_responsible() CASCADE",
}


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    dialect = op.get_bind().dialect.name
    op.add_column("call_fact", sa.Column("owners", sa.Text(), nullable=True))
    op.add_column(
        "unreadable_request",
        sa.Column("is_genuine", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.add_column("call", sa.Column("responsible_id", sa.Integer(), nullable=True))
    op.execute(
        "UPDATE call SET responsible_id ="
        " (SELECT responsible_id FROM contact WHERE contact.id = call.contact_id)"
        " WHERE contact_id IS NOT NULL"
    )
    op.create_index(
        "ix_call_list_responsible", "call", ["responsible_id", "started_at", "id"], unique=False
    )
    for statement in TRIGGER[dialect]:
        op.execute(statement)
    began = sa.DateTime(timezone=True)
    op.add_column("call_leg", sa.Column("started_at", began, nullable=True))
    op.execute(
        "UPDATE call_leg SET started_at ="
        " (SELECT started_at FROM call WHERE call.id = call_leg.call_id)"
    )
    with op.batch_alter_table("call_leg", schema=None) as batch_op:
        batch_op.alter_column("started_at", existing_type=began, nullable=False)
        batch_op.drop_index("ix_call_leg_user_id")
        batch_op.create_index(
            "ix_call_leg_list", ["user_id", "started_at", "call_id"], unique=False
        )
    with op.batch_alter_table("call_recording", schema=None) as batch_op:
        batch_op.drop_constraint("uq_call_recording_recording_id", type_="unique")
        batch_op.drop_index("ix_call_recording_call_id")
        batch_op.create_unique_constraint(
            "uq_call_recording_call_id_recording_id", ["call_id", "recording_id"]
        )


def downgrade() -> None:
    """Bring the database back to the revision before."""
    op.execute("DELETE FROM call_recording WHERE id NOT IN"
               " (SELECT MIN(id) FROM call_recording GROUP BY recording_id)")  # fmt: skip
    with op.batch_alter_table("call_recording", schema=None) as batch_op:
        batch_op.drop_constraint("uq_call_recording_call_id_recording_id", type_="unique")
        batch_op.create_index("ix_call_recording_call_id", ["call_id"], unique=False)
        batch_op.create_unique_constraint("uq_call_recording_recording_id", ["recording_id"])
    with op.batch_alter_table("call_leg", schema=None) as batch_op:
        batch_op.drop_index("ix_call_leg_list")
        batch_op.create_index("ix_call_leg_user_id", ["user_id"], unique=False)
        batch_op.drop_column("started_at")
    op.execute(NO_TRIGGER[op.get_bind().dialect.name])
    op.drop_index("ix_call_list_responsible", table_name="call")
    op.drop_column("call", "responsible_id")
    op.drop_column("unreadable_request", "is_genuine")
    op.drop_column("call_fact", "owners")
