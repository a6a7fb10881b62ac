"""Whose screens show a call: the one rule by which they hear that it has changed.

Those with a card hear {"call": id}; those who may have the call in a list, {"log": id} with the
contact that it is with, by which a page knows whether it is concerned.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Protocol

from sqlalchemy import or_, select
from sqlalchemy.orm import selectinload

from crm_app import clock
from crm_app.calls.fold.facts import CallPhase
from crm_app.calls.models import Call
from crm_app.calls.store.upkeep import TALKS_AT_MOST
from crm_app.extensions import db
from crm_app.live.messages import OFFICE
from crm_app.live.screen_updates import after_commit

WRAP_UP_SHOWN_FOR = timedelta(hours=1)


Message = tuple[frozenset[int], dict[str, int | None]]


class Change(Protocol):
    """A call that has changed: whose cards, on which other pages, with whom if that is known."""

    @property
    def call_id(self) -> int:
        """The call."""

    @property
    def tell(self) -> frozenset[int]:
        """The users who have a card of it."""

    @property
    def lists(self) -> frozenset[int]:
        """Those who may have it in a list."""

    @property
    def contact_id(self) -> int | None:
        """Whom it is with; None when any contact's page may show it."""


def messages(change: Change) -> Iterator[Message]:
    """Give what is to be sent to whom once a change is committed."""
    yield change.tell, {"call": change.call_id}
    yield change.lists, {"log": change.call_id, "contact": change.contact_id}


def announce(call: Call) -> None:
    """Let all screens that show a call look at it again once this is committed.

    Those with another call of the same number, too: now they learn who it is.
    """
    for one in [call, *_others_of_number(call)]:
        after_commit(_users_of(one), {"call": one.id})
        announce_in_lists(one)


def announce_in_lists(call: Call) -> None:
    """Let the pages that list a call read it again once this is committed."""
    responsible = [] if call.responsible_id is None else [call.responsible_id]
    after_commit([OFFICE, *responsible], {"log": call.id})


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
