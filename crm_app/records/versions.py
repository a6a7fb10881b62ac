"""The version of a record: what an editor has read must still be so when it is saved."""

from crm_app.database import for_update
from crm_app.errors import ConflictError
from crm_app.extensions import db
from crm_app.records.mixin import Record


def for_update_at(record: Record, version: int) -> None:
    """Read a record for update, until the end of the transaction.

    Raises ConflictError when it is not the version that was read before.
    """
    for_update(db.session, record)
    if record.version != version:
        raise ConflictError
