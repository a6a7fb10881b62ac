"""What was put aside, looked at again: when a mistake of ours is mended, nothing stays lost."""

from dataclasses import dataclass

import structlog
from sqlalchemy import delete, select

from crm_app.database import is_away
from crm_app.extensions import db
from crm_app.live.screen_updates import after_commit
from crm_app.telephony.models import UnreadableRequest
from crm_app.telephony.webhook import bodies, inbox
from crm_app.telephony.webhook.event_facts import to_fact
from crm_app.telephony.zadarma import events

log = structlog.get_logger(__name__)


MOST_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Looked:
    """How many requests could be taken in now, and how many could not again.

    `last_id` is the last one that was looked at, None when there is none after it.
    """

    taken: int
    left: int
    last_id: int | None = None


def take_in_again(default_country: str) -> Looked:
    """Take in the genuine requests that were kept, as if they came when they came. Commits.

    Raises what `is_away` knows when the database is away; those taken in before stay so.
    """
    taken = left = 0
    after: int | None = 0
    while after is not None:
        looked = take_in_few(default_country, after)
        db.session.commit()
        taken, left, after = taken + looked.taken, left + looked.left, looked.last_id
    return Looked(taken, left)


def take_in_few(default_country: str, after: int) -> Looked:
    """Take in some of the genuine requests whose ids come after one; the caller commits."""
    genuine = select(UnreadableRequest.id).where(
        UnreadableRequest.is_genuine, UnreadableRequest.id > after
    )
    ids = list(db.session.scalars(genuine.order_by(UnreadableRequest.id).limit(MOST_AT_ONCE)))
    taken = 0
    for kept_id in ids:
        try:
            with db.session.begin_nested():
                taken += _take_in(kept_id, default_country)
        except Exception as error:
            if is_away(error):
                raise
            # The mistake is not mended yet; the others may have been kept for another one.
            log.warning("kept request not taken in", kept=kept_id, error=type(error).__name__)
    return Looked(taken, len(ids) - taken, ids[-1] if len(ids) == MOST_AT_ONCE else None)


def _take_in(kept_id: int, default_country: str) -> bool:
    row = db.session.execute(
        select(
            UnreadableRequest.received_at,
            UnreadableRequest.content_type,
            UnreadableRequest.body,
        ).where(UnreadableRequest.id == kept_id)
    ).one_or_none()
    # One that was cut when it was kept would tell less than was sent.
    if row is None or len(row.body) >= inbox.MAX_KEPT_BYTES:
        return False
    event = events.parse(bodies.fields_of(row.body, row.content_type))
    fact = to_fact(event, row.received_at, default_country)
    mine = delete(UnreadableRequest).where(UnreadableRequest.id == kept_id)
    if not db.session.execute(mine).rowcount:  # type: ignore[attr-defined]
        # Another worker was quicker.
        return False
    if fact is None:
        return True
    stored = inbox.store(db.session.connection(), fact, bodies.as_text(row.body))
    after_commit(stored.tell, {"call": stored.call_id})
    return True
