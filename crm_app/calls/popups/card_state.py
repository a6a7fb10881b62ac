"""Whose screen a call is on: who rings, who talks, who has something to write up."""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import joinedload, selectinload
from sqlalchemy.orm.interfaces import ORMOption

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.fold.facts import CallPhase, Direction
from crm_app.calls.fold.legs import Leg, ringing_in
from crm_app.calls.models import Call, CallLeg, CallWrapup
from crm_app.calls.store.upkeep import RINGS_AT_MOST, TALKS_AT_MOST
from crm_app.calls.wrapup import services as wrapups
from crm_app.contacts.models import Contact
from crm_app.extensions import db

WRAP_UP_SHOWN_FOR = timedelta(hours=1)
MOST_CARDS = 20


class Part(StrEnum):
    """What a call is to one user now, in the order of the cards; the values are their `data-state`.

    The call that one is in stands first, because the tray may be too low for all of them.
    """

    TALKING = "answered"
    RINGING = "ringing"
    WRAP_UP = "ended"
    # Nothing any more, but this user was typing who it was.
    OVER = "over"


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


def is_put_away(call: Call, part: Part, wrapup: CallWrapup | None, user: User) -> bool:
    """Tell whether the user has closed this card, or has written the call up.

    What came to them afterwards shows it again: a transfer that rings, a talk that they began.
    """
    if wrapup is None:
        return False
    if part is Part.WRAP_UP:
        done = [wrapup.saved_at, wrapup.dismissed_at]
    else:
        done = [wrapup.popup_closed_at]
    put_away = max((moment for moment in done if moment), default=None)
    return put_away is not None and put_away >= _came_at(call, part, user)


def put_away(call: Call, part: Part, user: User) -> None:
    """Close a card for good; a wrap-up keeps what was typed and can be opened from the call."""
    row = wrapups.wrapup_of(call, user)
    if part is Part.WRAP_UP:
        row.dismissed_at = clock.now()
    else:
        row.popup_closed_at = clock.now()
    db.session.flush()


def on_screen_of(user: User) -> list[tuple[Call, Part, CallWrapup | None]]:
    """List the calls whose cards a user sees now: talking, then ringing, then to be written up."""
    now = clock.now()
    calls = [*db.session.scalars(_live()), *db.session.scalars(_lately_ended(user, now))]
    parts = [(call, part) for call in calls if (part := part_of(call, user, now))]
    written = wrapups.wrapups_of(user, (call.id for call, _ in parts))
    shown = [
        (call, part, written.get(call.id))
        for call, part in parts
        if not is_put_away(call, part, written.get(call.id), user)
    ]
    order = list(Part)
    shown.sort(key=lambda card: card[0].started_at, reverse=True)
    shown.sort(key=lambda card: order.index(card[1]))
    return shown[:MOST_CARDS]


def users_of(call: Call) -> set[int]:
    """Name the users whose screens may show a call."""
    users = {leg.user_id for leg in call.legs} | {call.user_id}
    return {user_id for user_id in users if user_id is not None}


def others_of_number(call: Call) -> list[Call]:
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


def passed_by(call: Call, user: User) -> CallLeg | None:
    """Find the leg of the colleague from whom a call came to a user, None when from nobody."""
    mine = [leg for leg in call.legs if leg.user_id == user.id and leg.transferred_from]
    if not mine:
        return None
    last = max(mine, key=lambda leg: leg.rang_at or leg.answered_at or call.started_at)
    return next((leg for leg in call.legs if leg.extension == last.transferred_from), None)


def seconds_of_talk(call: Call, part: Part, user: User) -> int | None:
    """Count how long a user talks, or talked; None when they did not or nobody can say."""
    if part in {Part.RINGING, Part.OVER} or call.answered_at is None:
        return None
    talks = [
        (leg.answered_at, leg.user_id == user.id)
        for leg in call.legs
        if leg.answered_at and not _placed(leg, call)
    ]
    begun = max((at for at, is_mine in talks if is_mine), default=call.answered_at)
    if part is Part.TALKING:
        return max(int((clock.now() - begun).total_seconds()), 0)
    if all(is_mine for _at, is_mine in talks):
        return call.talk_seconds
    passed_on = min((at for at, _is_mine in talks if at > begun), default=call.ended_at)
    return int((passed_on - begun).total_seconds()) if passed_on else None


def _is_stale(call: Call, now: datetime) -> bool:
    """Tell whether a call has been silent so long that the sweeper will close it."""
    moments = [call.started_at, *(leg.rang_at for leg in call.legs if leg.rang_at)]
    if call.phase == CallPhase.RINGING:
        return now - max(moments) > RINGS_AT_MOST
    return now - max([*moments, call.answered_at or call.started_at]) > TALKS_AT_MOST


def _came_at(call: Call, part: Part, user: User) -> datetime:
    """Tell when a call last came to a user as what it is to them now."""
    mine = [leg for leg in call.legs if leg.user_id == user.id and not _placed(leg, call)]
    rang = [leg.rang_at for leg in mine if leg.rang_at and part is Part.RINGING]
    answered = [leg.answered_at for leg in mine if leg.answered_at and part is not Part.RINGING]
    return max([*rang, *answered], default=call.started_at)


def _placed(leg: CallLeg, call: Call) -> bool:
    """Tell whether a leg is the phone by which one of us placed the call."""
    return bool(leg.extension) and leg.extension == call.placed_by_extension


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
