"""Reading the times of rows again when the account's clock turns out to be another than was taken.

Rows are stored with their moment by the clock as it was known. Where that was only the account's
word, or nothing, and calls then show another offset, it was wrong from the beginning. Where calls
had shown the old offset, the clock itself was changed, and what stands in the log stays. Nothing
here commits.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, or_, select

from crm_app import clock
from crm_app.calls.fold.facts import FactKind
from crm_app.calls.models import CallFact
from crm_app.calls.store import upkeep
from crm_app.extensions import db
from crm_app.jobs.runner import NextStep, Payload
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.reconciliation import account_clock, asking, nightly

JOB = "read_rows_again"
ROWS_AT_ONCE = 50


def perform(payload: Payload) -> NextStep | None:
    """Read some rows again, from where the payload says; None when all stand by one clock."""
    settings = TelephonySettings.current()
    offset = settings.pbx_offset_seconds
    if not payload and not settings.rows_are_doubted:
        return None
    if not payload and not _was_wrong(settings):
        TelephonySettings.for_change().rows_offset_seconds = offset
        return None
    if payload.get("offset") != offset:
        # Also where it has changed once more since then: what was read is then read once more.
        payload = {"offset": offset, "after": None, "has_changed": bool(payload)}
    rows = _next_rows(payload["after"], settings.rows_since)
    time = asking.time_of_account()
    if rows:
        # In the order in which everybody locks calls.
        names = sorted({row.pbx_call_id for row in rows})
        connection = db.session.connection()
        changed = [name for name in names if upkeep.read_rows_again(connection, name, time.utc)]
        return NextStep(
            {
                "offset": offset,
                "after": [rows[-1].received_at.isoformat(), rows[-1].id],
                "has_changed": payload["has_changed"] or bool(changed),
            },
            nightly.RESTS_FOR,
        )
    settings = TelephonySettings.for_change()
    settings.rows_offset_seconds = offset
    if payload["has_changed"]:
        settings.rows_read_again_at = clock.now()
        upkeep.note_rebuilt()
    return None


def _was_wrong(settings: TelephonySettings) -> bool:
    """Whether the offset by which rows were read was never the account's."""
    before = settings.rows_offset_seconds
    if before is None:
        return True
    # Of the account's own word nobody can say whether it was corrected or follows the summer.
    return settings.heard_offset_seconds is not None and not account_clock.was_heard(before)


def _next_rows(after: Sequence[Any] | None, since: datetime | None) -> Sequence[Any]:
    """Query the next rows of this account, by when they came."""
    is_wanted: list[ColumnElement[bool]] = [CallFact.kind == FactKind.LISTED]
    if since is not None:
        is_wanted.append(CallFact.received_at >= since)
    if after is not None:
        moment, last_id = datetime.fromisoformat(after[0]), after[1]
        is_later = or_(CallFact.received_at > moment, CallFact.id > last_id)
        is_wanted += [CallFact.received_at >= moment, is_later]
    some = select(CallFact.id, CallFact.received_at, CallFact.pbx_call_id).where(*is_wanted)
    ordered = some.order_by(CallFact.received_at, CallFact.id).limit(ROWS_AT_ONCE)
    return db.session.execute(ordered).all()
