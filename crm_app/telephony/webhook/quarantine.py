"""Retries signed notifications that could not be stored, so that a bug loses none."""

from dataclasses import dataclass

import structlog
from sqlalchemy import delete, select

from crm_app.calls import audience
from crm_app.database import is_away
from crm_app.extensions import db
from crm_app.live.screen_updates import after_commit
from crm_app.telephony.models import TelephonySettings, UnreadableRequest
from crm_app.telephony.webhook import bodies, inbox, text_messages
from crm_app.telephony.webhook.event_facts import to_fact
from crm_app.telephony.zadarma import events

MOST_AT_ONCE = 20
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RetryResult:
    """How many notifications were stored this time, and how many were not.

    `last_id` is the last one that was tried, None when there is none after it.
    """

    taken: int
    left: int
    last_id: int | None = None


def retry_quarantined(default_country: str) -> RetryResult:
    """Store the signed notifications that were quarantined, with their original time of arrival.

    Commits a few at a time. Raises errors that `is_away` recognises.
    """
    taken = left = 0
    after: int | None = 0
    while after is not None:
        some = retry_some(default_country, after)
        db.session.commit()
        taken, left, after = taken + some.taken, left + some.left, some.last_id
    return RetryResult(taken, left)


def retry_some(default_country: str, after: int) -> RetryResult:
    """Try some of those whose ids come after one; the caller commits."""
    genuine = select(UnreadableRequest.id).where(
        UnreadableRequest.is_genuine, UnreadableRequest.id > after
    )
    ids = list(db.session.scalars(genuine.order_by(UnreadableRequest.id).limit(MOST_AT_ONCE)))
    taken = 0
    for request_id in ids:
        try:
            with db.session.begin_nested():
                taken += _retry(request_id, default_country)
        except Exception as error:
            if is_away(error):
                raise
            # Its bug is not fixed yet; the others may have a different cause.
            log.warning(
                "quarantined notification not stored",
                unreadable_request=request_id,
                error=type(error).__name__,
            )
    return RetryResult(taken, len(ids) - taken, ids[-1] if len(ids) == MOST_AT_ONCE else None)


def _retry(request_id: int, default_country: str) -> bool:
    row = db.session.execute(
        select(
            UnreadableRequest.received_at,
            UnreadableRequest.content_type,
            UnreadableRequest.body,
        ).where(UnreadableRequest.id == request_id)
    ).one_or_none()
    # A truncated one holds less than the PBX sent.
    if row is None or len(row.body) >= inbox.MAX_KEPT_BYTES:
        return False
    event = events.parse(bodies.fields_of(row.body, row.content_type))
    fact = to_fact(event, row.received_at, default_country)
    mine = delete(UnreadableRequest).where(UnreadableRequest.id == request_id)
    if not db.session.execute(mine).rowcount:  # type: ignore[attr-defined]
        # Another worker was faster.
        return False
    connection, raw = db.session.connection(), bodies.as_text(row.body)
    if isinstance(event, events.MessageReceived):
        is_wanted = TelephonySettings.current().switches.is_on("sms")
        text_messages.store(
            connection, event, row.received_at, raw, default_country, is_wanted=is_wanted
        )
    if fact is None:
        return True
    stored = inbox.FactToStore(fact, raw)(connection)
    for users, message in audience.messages(stored):
        after_commit(users, message)
    return True
