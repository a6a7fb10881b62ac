"""Whose screen a call is on: who rings, who talks, who has something to write up."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import joinedload, selectinload
from sqlalchemy.orm.interfaces import ORMOption

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.facts import CallPhase, Direction
from crm_app.calls.legs import Leg, ringing_in
from crm_app.calls.models import Call, CallLeg, CallWrapup
from crm_app.calls.upkeep import RINGS_AT_MOST, TALKS_AT_MOST
from crm_app.contacts.models import Contact
from crm_app.extensions import db

WRAP_UP_SHOWN_FOR = timedelta(hours=1)
MOST_CARDS = 20


class Part(StrEnum):
    """What a call is to one user at this moment; the values are the `data-state` of the card."""

    RINGING = "ringing"
    TALKING = "answered"
    WRAP_UP = "ended"


def part_of(call: Call, user: User, now: datetime) -> Part | None:
    """Tell what a call is to a user; None when it is nothing of theirs, or not any more."""
    # Our own phone ringing for click-to-call is told by the card of the click.
    if call.direction == Direction.INTERNAL or call.is_own_leg:
        return None
    if call.is_live:
        return None if _is_stale(call, now) else _part_of_live(call, user)
    if now - (call.ended_at or call.started_at) > WRAP_UP_SHOWN_FOR:
        return None
    return Part.WRAP_UP if _has_talked(call, user) else None


def has_part(call: Call, user: User) -> bool:
    """Tell whether a user's phone rang or spoke in a call, or placed it, however long ago."""
    return call.user_id == user.id or bool(_extensions_of(call, user))


def is_put_away(part: Part, wrapup: CallWrapup | None) -> bool:
    """Tell whether the user has closed this card, or has written the call up."""
    if wrapup is None:
        return False
    if part is Part.WRAP_UP:
        return bool(wrapup.saved_at or wrapup.dismissed_at)
    return bool(wrapup.popup_closed_at)


def on_screen_of(user: User) -> list[tuple[Call, Part, CallWrapup | None]]:
    """List the calls whose cards a user sees now: ringing, then talking, then to be written up."""
    now = clock.now()
    calls = [*db.session.scalars(_live()), *db.session.scalars(_lately_ended(user, now))]
    parts = [(call, part) for call in calls if (part := part_of(call, user, now))]
    written = wrapups_of(user, (call.id for call, _ in parts))
    shown = [
        (call, part, written.get(call.id))
        for call, part in parts
        if not is_put_away(part, written.get(call.id))
    ]
    order = list(Part)
    shown.sort(key=lambda card: card[0].started_at, reverse=True)
    shown.sort(key=lambda card: order.index(card[1]))
    return shown[:MOST_CARDS]


def users_of(call: Call) -> set[int]:
    """Name the users whose screens may show a call."""
    users = {leg.user_id for leg in call.legs} | {call.user_id}
    return {user_id for user_id in users if user_id is not None}


def wrapups_of(user: User, call_ids: Iterable[int]) -> dict[int, CallWrapup]:
    """Find what a user has done about some calls, by the call's id."""
    ids = list(call_ids)
    if not ids:
        return {}
    rows = db.session.scalars(
        select(CallWrapup).where(CallWrapup.user_id == user.id, CallWrapup.call_id.in_(ids))
    )
    return {row.call_id: row for row in rows}


def _is_stale(call: Call, now: datetime) -> bool:
    """Tell whether a call has been silent so long that the sweeper will close it."""
    moments = [call.started_at, *(leg.rang_at for leg in call.legs if leg.rang_at)]
    if call.phase == CallPhase.RINGING:
        return now - max(moments) > RINGS_AT_MOST
    return now - max([*moments, call.answered_at or call.started_at]) > TALKS_AT_MOST


def _part_of_live(call: Call, user: User) -> Part | None:
    mine = _extensions_of(call, user)
    if not mine:
        return None
    if call.phase == CallPhase.RINGING and call.placed_by_extension in mine:
        return Part.RINGING
    if call.phase == CallPhase.ANSWERED and call.answered_by_extension in mine:
        return Part.TALKING
    if mine.intersection(_ringing(call)):
        return Part.RINGING
    return Part.WRAP_UP if _has_talked(call, user) else None


def _extensions_of(call: Call, user: User) -> set[str]:
    """Name the extensions by which a user takes part in a call."""
    mine = {leg.extension for leg in call.legs if leg.user_id == user.id}
    placed_by = call.placed_by_extension
    is_theirs = placed_by == user.extension and call.user_id in {None, user.id}
    if placed_by and (is_theirs or (call.user_id == user.id and not mine)):
        mine.add(placed_by)
    return mine


def _ringing(call: Call) -> tuple[str, ...]:
    legs = [
        Leg(leg.extension, leg.rang_at, leg.answered_at, leg.transferred_from, leg.stopped_at)
        for leg in call.legs
    ]
    talked = {leg.extension for leg in legs if leg.answered_at}
    return ringing_in(legs, talked | {call.placed_by_extension, call.answered_by_extension} - {""})


def _has_talked(call: Call, user: User) -> bool:
    """Tell whether the user spoke in the call, or tried to call somebody."""
    if call.placed_by_extension in _extensions_of(call, user) - {""}:
        return True
    return any(leg.answered_at for leg in call.legs if leg.user_id == user.id)


def _live() -> "Select[Call]":
    return Call.live().options(*_parts_needed())


def _lately_ended(user: User, now: datetime) -> "Select[Call]":
    """Select the calls that ended a short while ago and in which the user spoke."""
    spoke = (
        select(CallLeg.id)
        .where(
            CallLeg.call_id == Call.id, CallLeg.user_id == user.id, CallLeg.answered_at.is_not(None)
        )
        .exists()
    )
    return (
        select(Call)
        .where(
            # The first condition lets the index of the list limit what is read.
            Call.started_at > now - WRAP_UP_SHOWN_FOR - TALKS_AT_MOST,
            Call.phase == CallPhase.ENDED,
            Call.ended_at > now - WRAP_UP_SHOWN_FOR,
            or_(Call.user_id == user.id, spoke),
        )
        .order_by(Call.started_at.desc(), Call.id.desc())
        .limit(MOST_CARDS)
        .options(*_parts_needed())
    )


def _parts_needed() -> tuple[ORMOption, ...]:
    contact = joinedload(Call.contact)
    return (
        selectinload(Call.legs),
        contact.joinedload(Contact.company),
        contact.joinedload(Contact.responsible),
    )
