"""where phones are

Revision: 0023, after 0022
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

# What the fold makes of these legs, as far as rows can say it. Of a call that is not over a few
# minutes decide, and its next fact has it written again where it differs.
HAS_CALL = """
    SELECT 1 FROM call WHERE call.id = call_leg.call_id AND call.phase = 'answered'
    AND call.answered_by_extension = call_leg.extension AND call_leg.answered_at IS NOT NULL
"""
RINGS = """
    SELECT 1 FROM call WHERE call.id = call_leg.call_id AND call.phase <> 'ended'
    AND (call.phase = 'ringing' OR call_leg.transferred_from <> '')
    AND call_leg.rang_at IS NOT NULL AND call_leg.answered_at IS NULL
    AND call_leg.stopped_at IS NULL
"""
TALKED = """
    SELECT 1 FROM call WHERE call.id = call_leg.call_id AND call.answered_at IS NOT NULL
    AND (call_leg.answered_at IS NOT NULL OR call.answered_by_extension = call_leg.extension)
"""
STATES = f"""
    UPDATE call_leg SET state = CASE WHEN EXISTS ({RINGS}) THEN 'ringing'
    WHEN EXISTS ({HAS_CALL}) THEN 'talking' WHEN EXISTS ({TALKED}) THEN 'talked' ELSE 'done' END
"""
# Where only one phone talked; what was divided is not asked for any more.
SECONDS = """
    UPDATE call_leg SET talk_seconds = (SELECT talk_seconds FROM call WHERE id = call_leg.call_id)
    WHERE state = 'talked' AND NOT EXISTS (
        SELECT 1 FROM call_leg AS other WHERE other.call_id = call_leg.call_id
        AND other.state = 'talked' AND other.extension <> call_leg.extension
    )
"""
TALKS = """
    UPDATE call SET talking_user_id = (
        SELECT max(user_id) FROM call_leg WHERE call_id = call.id AND state = 'talking'
    ) WHERE phase = 'answered'
"""

# How crm_app.calls.store.responsible_trigger wrote it at this revision. SQLite does not rename a
# table to a name that a trigger misses.
TRIGGER = (
    "CREATE TRIGGER call_responsible AFTER UPDATE OF responsible_id ON contact "
    "WHEN old.responsible_id IS NOT new.responsible_id BEGIN "
    "UPDATE call SET responsible_id = new.responsible_id WHERE contact_id = new.id; END"
)

# Read from SQLite its default would be written back in brackets.
OUTSIDE_NAME = sa.Column("outside_name", sa.String(length=60), server_default="", nullable=False)


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    drop_trigger()
    with op.batch_alter_table("call", schema=None, reflect_args=[OUTSIDE_NAME]) as batch_op:
        batch_op.add_column(sa.Column("talking_user_id", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_call_talking_user_id_user"), "user", ["talking_user_id"], ["id"]
        )
    make_trigger()
    op.add_column("call_leg", sa.Column("talk_seconds", sa.Integer(), nullable=True))
    op.add_column("call_leg", sa.Column("state", sa.String(length=10), nullable=True))
    for fill in (STATES, SECONDS, TALKS):
        op.execute(fill)
    with op.batch_alter_table("call_leg", schema=None) as batch_op:
        batch_op.alter_column("state", existing_type=sa.String(length=10), nullable=False)


def downgrade() -> None:
    """Bring the database back to the revision before."""
    with op.batch_alter_table("call_leg", schema=None) as batch_op:
        batch_op.drop_column("state")
        batch_op.drop_column("talk_seconds")
    drop_trigger()
    with op.batch_alter_table("call", schema=None, reflect_args=[OUTSIDE_NAME]) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_call_talking_user_id_user"), type_="foreignkey")
        batch_op.drop_column("talking_user_id")
    make_trigger()


def drop_trigger() -> None:
    """Take the trigger away while SQLite makes the table of calls a second time."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER call_responsible")


def make_trigger() -> None:
    """Put the trigger back."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(TRIGGER)
