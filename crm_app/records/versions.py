"""The version of a record: what an editor has read must still be so when it is saved."""

from crm_app.database import hold
from crm_app.errors import ConflictError
from crm_app.extensions import db
from crm_app.records.mixin import Record


def hold_version(record: Record, version: int) -> None:
    """Read a record for update, until the end of the transaction.

    Raises ConflictError when it is not the version that was read before.
    """
    hold(db.session, record)
    if record.version != version:
        raise ConflictError
