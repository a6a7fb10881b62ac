"""An id means one row for good, wherever it is kept: in an address, on a page, in the journal."""

from flask import Flask

from crm_app.database import IDS_STAY_UNIQUE
from crm_app.extensions import db
from tests.made_up import fill

# Nothing is ever deleted from these.
NEVER_DELETED = {
    "user", "call", "call_fact", "call_leg", "call_recording", "call_outcome", "call_wrapup",
    "office_settings", "text_message", "recording", "listening",
    "board_wall",
}  # fmt: skip
# Nobody keeps an id of these: they are parts of a record, or found by what is secret in them.
KEPT_NOWHERE = {
    "account_link", "authenticator_app", "recovery_code", "contact_phone", "contact_email",
    "blocked_call", "reconciled_call",
}  # fmt: skip
COUNTED = [
    table for table in db.metadata.sorted_tables if table.dialect_options["sqlite"]["autoincrement"]
]


def test_each_table_gives_its_ids_once_or_has_a_reason_not_to() -> None:
    tables = db.metadata.sorted_tables
    have_ids = {table.name for table in tables if table.autoincrement_column is not None}
    assert {table.name for table in COUNTED} == have_ids - NEVER_DELETED - KEPT_NOWHERE
    assert IDS_STAY_UNIQUE["sqlite_autoincrement"]


def test_the_id_of_the_newest_row_is_not_given_again_when_it_was_deleted(app: Flask) -> None:
    def make_all() -> dict[str, int | None]:
        return {table.name: fill(table) for table in db.metadata.sorted_tables}

    before = make_all()
    for table in reversed(db.metadata.sorted_tables):
        db.session.execute(table.delete())
    after = make_all()
    assert len(COUNTED) >= 14
    assert not [table.name for table in COUNTED if before[table.name] == after[table.name]]
