"""Whose screens show a call: the one rule by which they hear that it has changed."""

from datetime import timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import selectinload

from crm_app import clock
from crm_app.calls.fold.facts import CallPhase
from crm_app.calls.models import Call
from crm_app.calls.store.upkeep import TALKS_AT_MOST
from crm_app.extensions import db
from crm_app.live.screen_updates import after_commit

WRAP_UP_SHOWN_FOR = timedelta(hours=1)


def announce(call: Call) -> None:
    """Let all screens that show a call look at it again once this is committed.

    Those with another call of the same number, too: now they learn who it is.
    """
    for one in [call, *_others_of_number(call)]:
        after_commit(_users_of(one), {"call": one.id})


def _users_of(call: Call) -> set[int]:
    users = {leg.user_id for leg in call.legs} | {call.user_id}
    return {user_id for user_id in users if user_id is not None}


def _others_of_number(call: Call) -> list[Call]:
    """List the other calls of the same number that may be on somebody's screen now."""
    if not call.outside_number:
        return []
    since = clock.now() - WRAP_UP_SHOWN_FOR
    statement = (
        select(Call)
        .where(
            Call.outside_number == call.outside_number,
            Call.id != call.id,
            Call.started_at > since - TALKS_AT_MOST,
            or_(Call.phase != CallPhase.ENDED, Call.ended_at > since),
        )
        .options(selectinload(Call.legs))
    )
    return list(db.session.scalars(statement))
