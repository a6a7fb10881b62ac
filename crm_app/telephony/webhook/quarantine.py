"""What was put aside, looked at again: when a mistake of ours is mended, nothing stays lost."""

from dataclasses import dataclass

import structlog
from sqlalchemy import delete, select

from crm_app import database
from crm_app.database import is_away
from crm_app.extensions import db
from crm_app.live.screen_updates import teller
from crm_app.telephony.models import UnreadableRequest
from crm_app.telephony.webhook import bodies, inbox
from crm_app.telephony.webhook.event_facts import to_fact
from crm_app.telephony.zadarma import events

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Looked:
    """How many requests could be taken in now, and how many could not again."""

    taken: int
    left: int


def take_in_again(default_country: str) -> Looked:
    """Take in the genuine requests that were kept, as if they came when they came. Commits.

    Raises what `is_away` knows when the database is away; those taken in before stay so.
    """
    with database.reading():
        genuine = select(UnreadableRequest.id).where(UnreadableRequest.is_genuine)
        ids = list(db.session.scalars(genuine.order_by(UnreadableRequest.id)))
        db.session.rollback()
    taken = 0
    for kept_id in ids:
        try:
            taken += _take_in(kept_id, default_country)
        except Exception as error:
            if is_away(error):
                raise
            # The mistake is not mended yet; the others may have been kept for another one.
            log.warning("kept request not taken in", kept=kept_id, error=type(error).__name__)
    return Looked(taken, len(ids) - taken)


def _take_in(kept_id: int, default_country: str) -> bool:
    with database.reading():
        row = db.session.execute(
            select(
                UnreadableRequest.received_at,
                UnreadableRequest.content_type,
                UnreadableRequest.body,
            ).where(UnreadableRequest.id == kept_id)
        ).one_or_none()
        db.session.rollback()
    # One that was cut when it was kept would tell less than was sent.
    if row is None or len(row.body) >= inbox.MAX_KEPT_BYTES:
        return False
    event = events.parse(bodies.fields_of(row.body, row.content_type))
    fact = to_fact(event, row.received_at, default_country)
    with db.engine.begin() as connection:
        mine = delete(UnreadableRequest).where(UnreadableRequest.id == kept_id)
        if not connection.execute(mine).rowcount:
            # Another worker was quicker.
            return False
        if fact is None:
            return True
        stored = inbox.store(connection, fact, bodies.as_text(row.body))
    teller.later(stored.tell, {"call": stored.call_id})
    return True
