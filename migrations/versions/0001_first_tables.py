"""first tables

Revision: 0001, after
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


# How rows are found by any part of their text: kept by triggers on SQLite, one index on PostgreSQL.
SEARCH = {
    "sqlite": (
        "CREATE VIRTUAL TABLE {table}_search USING fts5(search_text, content='{table}', content_rowid='id', tokenize='trigram')",
        "CREATE TRIGGER {table}_search_insert AFTER INSERT ON {table} BEGIN INSERT INTO {table}_search (rowid, search_text) VALUES (new.id, new.search_text); END",
        "CREATE TRIGGER {table}_search_delete AFTER DELETE ON {table} BEGIN INSERT INTO {table}_search ({table}_search, rowid, search_text) VALUES ('delete', old.id, old.search_text); END",
        "CREATE TRIGGER {table}_search_update AFTER UPDATE OF search_text ON {table} WHEN old.search_text IS NOT new.search_text BEGIN INSERT INTO {table}_search ({table}_search, rowid, search_text) VALUES ('delete', old.id, old.search_text); INSERT INTO {table}_search (rowid, search_text) VALUES (new.id, new.search_text); END",
    ),
    "postgresql": (
        "CREATE EXTENSION IF NOT EXISTS pg_trgm",
        "CREATE INDEX ix_{table}_search ON {table} USING gin (search_text gin_trgm_ops) WITH (fastupdate = off)",
        "ALTER TABLE {table} ALTER COLUMN search_text SET STATISTICS 1000",
    ),
}


def upgrade() -> None:
    """Bring the database from the revision before to this one."""
    op.create_table(
        "call_outcome",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=30), nullable=False),
        sa.Column("label", sa.String(length=60), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_outcome")),
        sa.UniqueConstraint("code", name=op.f("uq_call_outcome_code")),
    )
    op.create_table(
        "lead_stage",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead_stage")),
    )
    op.create_table(
        "office_settings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("restricts_agents", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_office_settings")),
    )
    op.create_table(
        "unreadable_request",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sender", sa.String(length=45), nullable=False),
        sa.Column("content_type", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.String(length=80), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unreadable_request")),
    )
    op.create_table(
        "user",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("extension", sa.String(length=5), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("password", sa.String(length=255), nullable=True),
        sa.Column("fs_uniquifier", sa.String(length=64), nullable=False),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("theme", sa.String(length=5), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signed_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user")),
        sa.UniqueConstraint("email", name=op.f("uq_user_email")),
        sa.UniqueConstraint("extension", name=op.f("uq_user_extension")),
        sa.UniqueConstraint("fs_uniquifier", name=op.f("uq_user_fs_uniquifier")),
    )
    op.create_table(
        "account_link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=10), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_account_link_user_id_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_link")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_account_link_token_hash")),
    )
    with op.batch_alter_table("account_link", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_account_link_user_id"), ["user_id"], unique=False)

    op.create_table(
        "call_fact",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pbx_call_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("content_key", sa.String(length=64), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_call_fact_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_fact")),
        sa.UniqueConstraint("content_key", name=op.f("uq_call_fact_content_key")),
    )
    with op.batch_alter_table("call_fact", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_call_fact_pbx_call_id_id"), ["pbx_call_id", "id"], unique=False
        )

    op.create_table(
        "contact",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column(
            "sort_name",
            sa.String(length=200).with_variant(sa.String(length=200, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("company_id", sa.Integer(), nullable=True),
        sa.Column("job_title", sa.String(length=120), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("do_not_call", sa.Boolean(), nullable=False),
        sa.Column("responsible_id", sa.Integer(), nullable=True),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"], ["contact.id"], name=op.f("fk_contact_company_id_contact")
        ),
        sa.ForeignKeyConstraint(
            ["responsible_id"], ["user.id"], name=op.f("fk_contact_responsible_id_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
    )
    with op.batch_alter_table("contact", schema=None) as batch_op:
        batch_op.create_index(
            "ix_contact_bin",
            ["deleted_at", "id"],
            unique=False,
            sqlite_where=sa.text("deleted_at IS NOT NULL"),
            postgresql_where=sa.text("deleted_at IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_contact_company_id"), ["company_id"], unique=False)
        batch_op.create_index(
            "ix_contact_do_not_call",
            ["do_not_call", "sort_name", "id"],
            unique=False,
            sqlite_where=sa.text("do_not_call = 1 AND deleted_at IS NULL"),
            postgresql_where=sa.text("do_not_call AND deleted_at IS NULL"),
        )
        batch_op.create_index(
            "ix_contact_list",
            ["sort_name", "id"],
            unique=False,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.create_index(
            "ix_contact_list_kind",
            ["kind", "sort_name", "id"],
            unique=False,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.create_index(
            "ix_contact_list_responsible",
            ["responsible_id", "sort_name", "id"],
            unique=False,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.create_index(
            "ix_contact_newest",
            ["created_at", "id"],
            unique=False,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.create_index(
            "ix_contact_newest_kind",
            ["kind", "created_at", "id"],
            unique=False,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.create_index(
            "ix_contact_newest_responsible",
            ["responsible_id", "created_at", "id"],
            unique=False,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )

    op.create_table(
        "journal_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("record_type", sa.String(length=20), nullable=False),
        sa.Column("record_id", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_journal_entry_user_id_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal_entry")),
    )
    with op.batch_alter_table("journal_entry", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_journal_entry_record_type_record_id_id"),
            ["record_type", "record_id", "id"],
            unique=False,
        )
        batch_op.create_index(batch_op.f("ix_journal_entry_user_id"), ["user_id"], unique=False)

    op.create_table(
        "note",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("record_type", sa.String(length=20), nullable=False),
        sa.Column("record_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_note_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note")),
    )
    with op.batch_alter_table("note", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_note_record_type_record_id_id"),
            ["record_type", "record_id", "id"],
            unique=False,
        )
        batch_op.create_index(batch_op.f("ix_note_user_id"), ["user_id"], unique=False)

    op.create_table(
        "telephony_settings",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key_locked", sa.Text(), nullable=False),
        sa.Column("secret_locked", sa.Text(), nullable=False),
        sa.Column("connected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("webhook_token", sa.String(length=64), nullable=False),
        sa.Column("default_responsible_id", sa.Integer(), nullable=True),
        sa.Column("shows_caller_name", sa.Boolean(), nullable=False),
        sa.Column("extensions_json", sa.Text(), nullable=False),
        sa.Column("extensions_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("balance_cents", sa.Integer(), nullable=True),
        sa.Column("balance_currency", sa.String(length=8), nullable=False),
        sa.Column("balance_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clock_zone", sa.String(length=40), nullable=False),
        sa.Column("clock_offset_seconds", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.String(length=40), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_telephony_settings_only_one")),
        sa.ForeignKeyConstraint(
            ["default_responsible_id"],
            ["user.id"],
            name=op.f("fk_telephony_settings_default_responsible_id_user"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_telephony_settings")),
    )
    op.create_table(
        "contact_email",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("contact_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"],
            ["contact.id"],
            name=op.f("fk_contact_email_contact_id_contact"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_email")),
    )
    with op.batch_alter_table("contact_email", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_contact_email_contact_id"), ["contact_id"], unique=False
        )

    op.create_table(
        "contact_phone",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("contact_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column(
            "tail",
            sa.String(length=20),
            sa.Computed(
                "CASE WHEN length(number) > 9 THEN substr(number, length(number) - 8) ELSE number END",
                persisted=True,
            ),
            nullable=False,
        ),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("is_main", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"],
            ["contact.id"],
            name=op.f("fk_contact_phone_contact_id_contact"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_phone")),
    )
    with op.batch_alter_table("contact_phone", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_contact_phone_contact_id"), ["contact_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_contact_phone_number"), ["number"], unique=False)
        batch_op.create_index(batch_op.f("ix_contact_phone_tail"), ["tail"], unique=False)

    op.create_table(
        "lead",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("contact_id", sa.Integer(), nullable=True),
        sa.Column("stage_id", sa.Integer(), nullable=False),
        sa.Column("value_cents", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("source", sa.String(length=60), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("responsible_id", sa.Integer(), nullable=True),
        sa.Column("lost_reason", sa.String(length=200), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contact.id"], name=op.f("fk_lead_contact_id_contact")
        ),
        sa.ForeignKeyConstraint(
            ["responsible_id"], ["user.id"], name=op.f("fk_lead_responsible_id_user")
        ),
        sa.ForeignKeyConstraint(
            ["stage_id"], ["lead_stage.id"], name=op.f("fk_lead_stage_id_lead_stage")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead")),
    )
    with op.batch_alter_table("lead", schema=None) as batch_op:
        batch_op.create_index(
            "ix_lead_bin",
            ["deleted_at", "id"],
            unique=False,
            sqlite_where=sa.text("deleted_at IS NOT NULL"),
            postgresql_where=sa.text("deleted_at IS NOT NULL"),
        )
        batch_op.create_index("ix_lead_contact_stage", ["contact_id", "stage_id"], unique=False)
        batch_op.create_index(
            "ix_lead_list",
            ["created_at", "id"],
            unique=False,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.create_index(
            "ix_lead_list_responsible",
            ["responsible_id", "created_at", "id"],
            unique=False,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.create_index(
            "ix_lead_list_stage",
            ["stage_id", "created_at", "id"],
            unique=False,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.create_index(
            "ix_lead_recent_responsible",
            ["responsible_id", "updated_at", "id"],
            unique=False,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.create_index(
            batch_op.f("ix_lead_responsible_id"), ["responsible_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_lead_stage_id"), ["stage_id"], unique=False)

    op.create_table(
        "call",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pbx_call_id", sa.String(length=64), nullable=False),
        sa.Column("direction", sa.String(length=10), nullable=False),
        sa.Column("phase", sa.String(length=10), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("disposition", sa.String(length=20), nullable=True),
        sa.Column("disposition_raw", sa.String(length=120), nullable=False),
        sa.Column("is_own_leg", sa.Boolean(), nullable=False),
        sa.Column("outside_number", sa.String(length=40), nullable=False),
        sa.Column("did", sa.String(length=40), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ring_seconds", sa.Integer(), nullable=True),
        sa.Column("talk_seconds", sa.Integer(), nullable=True),
        sa.Column("answered_by_extension", sa.String(length=10), nullable=False),
        sa.Column("placed_by_extension", sa.String(length=10), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("recording_count", sa.Integer(), nullable=False),
        sa.Column("contact_id", sa.Integer(), nullable=True),
        sa.Column("contact_is_chosen", sa.Boolean(), nullable=False),
        sa.Column("lead_id", sa.Integer(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"],
            ["contact.id"],
            name=op.f("fk_call_contact_id_contact"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["lead_id"], ["lead.id"], name=op.f("fk_call_lead_id_lead"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_call_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call")),
        sa.UniqueConstraint("pbx_call_id", name=op.f("uq_call_pbx_call_id")),
    )
    with op.batch_alter_table("call", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_call_lead_id"), ["lead_id"], unique=False)
        batch_op.create_index("ix_call_list", ["started_at", "id"], unique=False)
        batch_op.create_index(
            "ix_call_list_contact", ["contact_id", "started_at", "id"], unique=False
        )
        batch_op.create_index("ix_call_list_did", ["did", "started_at", "id"], unique=False)
        batch_op.create_index(
            "ix_call_list_direction", ["direction", "started_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_call_list_number", ["outside_number", "started_at", "id"], unique=False
        )
        batch_op.create_index("ix_call_list_status", ["status", "started_at", "id"], unique=False)
        batch_op.create_index("ix_call_list_user", ["user_id", "started_at", "id"], unique=False)
        batch_op.create_index(
            "ix_call_live",
            ["phase"],
            unique=False,
            sqlite_where=sa.text("phase <> 'ended'"),
            postgresql_where=sa.text("phase <> 'ended'"),
        )

    op.create_table(
        "dial_request",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("extension", sa.String(length=5), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("contact_id", sa.Integer(), nullable=True),
        sa.Column("lead_id", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("error_code", sa.String(length=40), nullable=False),
        sa.Column("pending_key", sa.String(length=40), nullable=True),
        sa.Column("pbx_call_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"],
            ["contact.id"],
            name=op.f("fk_dial_request_contact_id_contact"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["lead_id"], ["lead.id"], name=op.f("fk_dial_request_lead_id_lead"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_dial_request_user_id_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dial_request")),
        sa.UniqueConstraint("pending_key", name=op.f("uq_dial_request_pending_key")),
    )
    with op.batch_alter_table("dial_request", schema=None) as batch_op:
        batch_op.create_index("ix_dial_request_open", ["state", "created_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_dial_request_pbx_call_id"), ["pbx_call_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_dial_request_user_id"), ["user_id"], unique=False)

    op.create_table(
        "task",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("has_time", sa.Boolean(), nullable=False),
        sa.Column("assignee_id", sa.Integer(), nullable=True),
        sa.Column("contact_id", sa.Integer(), nullable=True),
        sa.Column("lead_id", sa.Integer(), nullable=True),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["assignee_id"], ["user.id"], name=op.f("fk_task_assignee_id_user")
        ),
        sa.ForeignKeyConstraint(
            ["completed_by_id"], ["user.id"], name=op.f("fk_task_completed_by_id_user")
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contact.id"], name=op.f("fk_task_contact_id_contact")
        ),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["user.id"], name=op.f("fk_task_created_by_id_user")
        ),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.id"], name=op.f("fk_task_lead_id_lead")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
    )
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.create_index(
            "ix_task_bin",
            ["deleted_at", "id"],
            unique=False,
            sqlite_where=sa.text("deleted_at IS NOT NULL"),
            postgresql_where=sa.text("deleted_at IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_task_contact_id"), ["contact_id"], unique=False)
        batch_op.create_index(
            "ix_task_done",
            ["completed_at", "id"],
            unique=False,
            sqlite_where=sa.text("completed_at IS NOT NULL AND deleted_at IS NULL"),
            postgresql_where=sa.text("completed_at IS NOT NULL AND deleted_at IS NULL"),
        )
        batch_op.create_index(
            "ix_task_done_assignee",
            ["assignee_id", "completed_at", "id"],
            unique=False,
            sqlite_where=sa.text("completed_at IS NOT NULL AND deleted_at IS NULL"),
            postgresql_where=sa.text("completed_at IS NOT NULL AND deleted_at IS NULL"),
        )
        batch_op.create_index(
            "ix_task_due",
            ["due_at", "id"],
            unique=False,
            sqlite_where=sa.text("completed_at IS NULL AND deleted_at IS NULL"),
            postgresql_where=sa.text("completed_at IS NULL AND deleted_at IS NULL"),
        )
        batch_op.create_index(
            "ix_task_due_assignee",
            ["assignee_id", "due_at", "id"],
            unique=False,
            sqlite_where=sa.text("completed_at IS NULL AND deleted_at IS NULL"),
            postgresql_where=sa.text("completed_at IS NULL AND deleted_at IS NULL"),
        )
        batch_op.create_index(batch_op.f("ix_task_lead_id"), ["lead_id"], unique=False)

    op.create_table(
        "call_leg",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.Integer(), nullable=False),
        sa.Column("extension", sa.String(length=10), nullable=False),
        sa.Column("transferred_from", sa.String(length=10), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("rang_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["call_id"], ["call.id"], name=op.f("fk_call_leg_call_id_call"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_call_leg_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_leg")),
        sa.UniqueConstraint(
            "call_id",
            "extension",
            "transferred_from",
            name=op.f("uq_call_leg_call_id_extension_transferred_from"),
        ),
    )
    with op.batch_alter_table("call_leg", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_call_leg_user_id"), ["user_id"], unique=False)

    op.create_table(
        "call_recording",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.Integer(), nullable=False),
        sa.Column("recording_id", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_id"],
            ["call.id"],
            name=op.f("fk_call_recording_call_id_call"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_recording")),
        sa.UniqueConstraint("recording_id", name=op.f("uq_call_recording_recording_id")),
    )
    with op.batch_alter_table("call_recording", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_call_recording_call_id"), ["call_id"], unique=False)

    op.create_table(
        "call_wrapup",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=30), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("task_title", sa.String(length=200), nullable=False),
        sa.Column("task_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("task_has_time", sa.Boolean(), nullable=False),
        sa.Column("popup_closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dismissed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_id"], ["call.id"], name=op.f("fk_call_wrapup_call_id_call"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_call_wrapup_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_wrapup")),
        sa.UniqueConstraint("call_id", "user_id", name=op.f("uq_call_wrapup_call_id_user_id")),
    )
    with op.batch_alter_table("call_wrapup", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_call_wrapup_user_id"), ["user_id"], unique=False)

    for table in ("contact", "lead"):
        for statement in SEARCH[op.get_bind().dialect.name]:
            op.execute(statement.format(table=table))


def downgrade() -> None:
    """Bring the database back to the revision before."""
    if op.get_bind().dialect.name == "sqlite":
        for table in ("contact", "lead"):
            op.execute(f"DROP TABLE {table}_search")
    with op.batch_alter_table("call_wrapup", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_call_wrapup_user_id"))

    op.drop_table("call_wrapup")
    with op.batch_alter_table("call_recording", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_call_recording_call_id"))

    op.drop_table("call_recording")
    with op.batch_alter_table("call_leg", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_call_leg_user_id"))

    op.drop_table("call_leg")
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_task_lead_id"))
        batch_op.drop_index(
            "ix_task_due_assignee",
            sqlite_where=sa.text("completed_at IS NULL AND deleted_at IS NULL"),
            postgresql_where=sa.text("completed_at IS NULL AND deleted_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_task_due",
            sqlite_where=sa.text("completed_at IS NULL AND deleted_at IS NULL"),
            postgresql_where=sa.text("completed_at IS NULL AND deleted_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_task_done_assignee",
            sqlite_where=sa.text("completed_at IS NOT NULL AND deleted_at IS NULL"),
            postgresql_where=sa.text("completed_at IS NOT NULL AND deleted_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_task_done",
            sqlite_where=sa.text("completed_at IS NOT NULL AND deleted_at IS NULL"),
            postgresql_where=sa.text("completed_at IS NOT NULL AND deleted_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_task_contact_id"))
        batch_op.drop_index(
            "ix_task_bin",
            sqlite_where=sa.text("deleted_at IS NOT NULL"),
            postgresql_where=sa.text("deleted_at IS NOT NULL"),
        )

    op.drop_table("task")
    with op.batch_alter_table("dial_request", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_dial_request_user_id"))
        batch_op.drop_index(batch_op.f("ix_dial_request_pbx_call_id"))
        batch_op.drop_index("ix_dial_request_open")

    op.drop_table("dial_request")
    with op.batch_alter_table("call", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_call_live",
            sqlite_where=sa.text("phase <> 'ended'"),
            postgresql_where=sa.text("phase <> 'ended'"),
        )
        batch_op.drop_index("ix_call_list_user")
        batch_op.drop_index("ix_call_list_status")
        batch_op.drop_index("ix_call_list_number")
        batch_op.drop_index("ix_call_list_direction")
        batch_op.drop_index("ix_call_list_did")
        batch_op.drop_index("ix_call_list_contact")
        batch_op.drop_index("ix_call_list")
        batch_op.drop_index(batch_op.f("ix_call_lead_id"))

    op.drop_table("call")
    with op.batch_alter_table("lead", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_lead_stage_id"))
        batch_op.drop_index(batch_op.f("ix_lead_responsible_id"))
        batch_op.drop_index(
            "ix_lead_recent_responsible",
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_lead_list_stage",
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_lead_list_responsible",
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_lead_list",
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.drop_index("ix_lead_contact_stage")
        batch_op.drop_index(
            "ix_lead_bin",
            sqlite_where=sa.text("deleted_at IS NOT NULL"),
            postgresql_where=sa.text("deleted_at IS NOT NULL"),
        )

    op.drop_table("lead")
    with op.batch_alter_table("contact_phone", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_contact_phone_tail"))
        batch_op.drop_index(batch_op.f("ix_contact_phone_number"))
        batch_op.drop_index(batch_op.f("ix_contact_phone_contact_id"))

    op.drop_table("contact_phone")
    with op.batch_alter_table("contact_email", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_contact_email_contact_id"))

    op.drop_table("contact_email")
    op.drop_table("telephony_settings")
    with op.batch_alter_table("note", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_note_user_id"))
        batch_op.drop_index(batch_op.f("ix_note_record_type_record_id_id"))

    op.drop_table("note")
    with op.batch_alter_table("journal_entry", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_journal_entry_user_id"))
        batch_op.drop_index(batch_op.f("ix_journal_entry_record_type_record_id_id"))

    op.drop_table("journal_entry")
    with op.batch_alter_table("contact", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_contact_newest_responsible",
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_contact_newest_kind",
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_contact_newest",
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_contact_list_responsible",
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_contact_list_kind",
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_contact_list",
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_contact_do_not_call",
            sqlite_where=sa.text("do_not_call = 1 AND deleted_at IS NULL"),
            postgresql_where=sa.text("do_not_call AND deleted_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_contact_company_id"))
        batch_op.drop_index(
            "ix_contact_bin",
            sqlite_where=sa.text("deleted_at IS NOT NULL"),
            postgresql_where=sa.text("deleted_at IS NOT NULL"),
        )

    op.drop_table("contact")
    with op.batch_alter_table("call_fact", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_call_fact_pbx_call_id_id"))

    op.drop_table("call_fact")
    with op.batch_alter_table("account_link", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_account_link_user_id"))

    op.drop_table("account_link")
    op.drop_table("user")
    op.drop_table("unreadable_request")
    op.drop_table("office_settings")
    op.drop_table("lead_stage")
    op.drop_table("call_outcome")
