"""lists of contacts and leads that are called one by one

Revision: 0041, after 0040
"""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    op.create_table('call_list',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('of', sa.String(length=10), nullable=False),
    sa.Column('filter_args', sa.Text(), nullable=False),
    sa.Column('calls_do_not_call', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.Column('created_by_id', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['created_by_id'], ['user.id'], name=op.f('fk_call_list_created_by_id_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_call_list')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_call_list_created_by_id'), 'call_list', ['created_by_id'])

    op.create_table('call_list_entry',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('list_id', sa.Integer(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('contact_id', sa.Integer(), nullable=False),
    sa.Column('lead_id', sa.Integer(), nullable=True),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('holder_id', sa.Integer(), nullable=True),
    sa.Column('held_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('held_from', sa.DateTime(timezone=True), nullable=True),
    sa.Column('tries', sa.Integer(), server_default='0', nullable=False),
    sa.Column('outcome', sa.String(length=30), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('done_by_id', sa.Integer(), nullable=True),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('call_id', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['call_id'], ['call.id'], name=op.f('fk_call_list_entry_call_id_call'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['contact_id'], ['contact.id'], name=op.f('fk_call_list_entry_contact_id_contact'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['done_by_id'], ['user.id'], name=op.f('fk_call_list_entry_done_by_id_user')),
    sa.ForeignKeyConstraint(['holder_id'], ['user.id'], name=op.f('fk_call_list_entry_holder_id_user')),
    sa.ForeignKeyConstraint(['lead_id'], ['lead.id'], name=op.f('fk_call_list_entry_lead_id_lead'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['list_id'], ['call_list.id'], name=op.f('fk_call_list_entry_list_id_call_list'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_call_list_entry')),
    sa.UniqueConstraint('list_id', 'holder_id', name=op.f('uq_call_list_entry_list_id_holder_id')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_call_list_entry_call_id'), 'call_list_entry', ['call_id'])
    op.create_index(op.f('ix_call_list_entry_contact_id'), 'call_list_entry', ['contact_id'])
    op.create_index(op.f('ix_call_list_entry_done_by_id'), 'call_list_entry', ['done_by_id'])
    op.create_index(op.f('ix_call_list_entry_holder_id'), 'call_list_entry', ['holder_id'])
    op.create_index(op.f('ix_call_list_entry_lead_id'), 'call_list_entry', ['lead_id'])
    op.create_index('ix_call_list_entry_next', 'call_list_entry', ['list_id', 'state', 'position'])



def downgrade() -> None:
    """Bring the database back to the revision before."""

    op.drop_table('call_list_entry')

    op.drop_table('call_list')
