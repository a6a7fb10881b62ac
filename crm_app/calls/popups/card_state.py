"""Whose screen a call is on: read from what the fold has stored of each phone."""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Select, select, union
from sqlalchemy.orm import joinedload, selectinload
from sqlalchemy.orm.interfaces import ORMOption

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.audience import WRAP_UP_SHOWN_FOR
from crm_app.calls.fold.facts import CallPhase, Direction
from crm_app.calls.fold.legs import LegState
from crm_app.calls.models import Call, CallLeg, CallWrapup
from crm_app.calls.store.upkeep import RINGS_AT_MOST, TALKS_AT_MOST
from crm_app.calls.wrapup import services as wrapups
from crm_app.calls.wrapup import waiting
from crm_app.contacts.models import Contact
from crm_app.extensions import db
from crm_app.live.screen_updates import after_commit

MOST_CARDS = 20


class CardState(StrEnum):
    """What a call is to one user now, in the order of the tray; the values are `data-state`."""

    TALKING = "answered"
    RINGING = "ringing"
    WRAP_UP = "ended"
    # Nothing any more, but this user was typing who it was.
    OVER = "over"


_OF_LEG = {
    LegState.TALKING: CardState.TALKING,
    LegState.RINGING: CardState.RINGING,
    LegState.TALKED: CardState.WRAP_UP,
}
# A call that this user places rings for them until somebody answers, and is written up also when
# nobody does; their own phone then has no leg, or one that says only that it was picked up.
_OF_PLACED = {CallPhase.RINGING: CardState.RINGING, CallPhase.ENDED: CardState.WRAP_UP}


def state_of(call: Call, user: User, now: datetime) -> CardState | None:
    """What a call is to a user; None when it is nothing of theirs, or not any more."""
    # While our own phone rings for click-to-call, the card of the click says so.
    if call.direction == Direction.INTERNAL or call.is_own_leg or now > forgotten_at(call):
        return None
    states = {_OF_LEG.get(leg.state) for leg in call.legs if leg.user_id == user.id}
    if call.direction == Direction.OUTBOUND and call.user_id == user.id:
        states.add(_OF_PLACED.get(call.phase))
    return next((state for state in CardState if state in states), None)


def call_for_card(call_id: int) -> Call | None:
    """Read a call with all that its card shows of it."""
    return db.session.scalar(select(Call).where(Call.id == call_id).options(*_needed()))


def has_part(call: Call, user: User) -> bool:
    """Whether a user's phone rang or spoke in a call, or placed it, however long ago."""
    return user.id in {call.user_id, *(leg.user_id for leg in call.legs)}


def has_to_write(call: Call, user: User) -> bool:
    """Whether a call is for a user to write up: they talked, or placed it, or nobody took it."""
    talked = {leg.user_id for leg in call.legs if leg.state == LegState.TALKED} | {call.user_id}
    return user.id in talked or (has_part(call, user) and not talked - {None})


def is_put_away(call: Call, state: CardState, wrapup: CallWrapup | None, user: User) -> bool:
    """Whether the user has folded a live call to its row, or is done with one that has ended.

    What came to them afterwards shows it again: a transfer that rings, a talk that they began.
    """
    if wrapup is None:
        return False
    if state is CardState.WRAP_UP:
        done = [wrapup.saved_at, wrapup.dismissed_at, wrapup.folded_at]
    else:
        done = [wrapup.popup_closed_at]
    put_away = max((moment for moment in done if moment), default=None)
    if put_away is None:
        return False
    leg = _leg_of(call, state, user)
    # A call that one places oneself comes once.
    is_placed = leg is None or leg.extension == call.placed_by_extension
    came_at = None if leg is None or is_placed else leg.came_at
    return put_away >= (came_at or call.started_at)


def put_away(call: Call, state: CardState, user: User) -> None:
    """Fold a live call to its row, and let one that has ended wait in the counter."""
    if state is CardState.WRAP_UP:
        waiting.fold(call, user)
        return
    wrapups.wrapup_of(call, user).popup_closed_at = clock.now()
    db.session.flush()
    after_commit([user.id], {"call": call.id})


def on_screen_of(user: User) -> list[tuple[Call, CardState, CallWrapup | None]]:
    """List what calls are to a user: talks, then what rings, then what ended; newest first."""
    now = clock.now()
    calls = [*db.session.scalars(live_of(user)), *db.session.scalars(lately_ended(user, now))]
    states = [(call, state) for call in calls if (state := state_of(call, user, now))]
    written = wrapups.wrapups_of(user, (call.id for call, _ in states))
    order = list(CardState)
    states.sort(key=lambda item: (item[0].started_at, item[0].id), reverse=True)
    states.sort(key=lambda item: order.index(item[1]))
    return [(call, state, written.get(call.id)) for call, state in states[:MOST_CARDS]]


def talk_began(call: Call, state: CardState, user: User) -> datetime | None:
    """When a user began to talk in a call, None when they did not."""
    leg = _leg_of(call, state, user)
    if leg is None or call.answered_at is None or state is CardState.RINGING:
        return None
    # The phone of who placed the call is picked up before the other side is.
    return max(leg.answered_at or call.answered_at, call.answered_at)


def ended_for(call: Call, wrapup: CallWrapup | None, user: User) -> datetime:
    """When a call that is over for a user was: it may go on with a colleague."""
    if wrapup is not None and wrapup.waits_since is not None:
        return wrapup.waits_since
    began = talk_began(call, CardState.WRAP_UP, user)
    talked = seconds_of_talk(call, CardState.WRAP_UP, user)
    if call.is_live and began and talked is not None:
        return began + timedelta(seconds=talked)
    return call.ended_at or call.started_at


def seconds_of_ring(call: Call, state: CardState, user: User) -> int | None:
    """Count how long a call rings for a user; None when it does not."""
    if state is not CardState.RINGING:
        return None
    leg = _leg_of(call, state, user)
    since = (leg.came_at if leg else None) or call.started_at
    return max(int((clock.now() - since).total_seconds()), 0)


def passed_by(call: Call, user: User) -> CallLeg | None:
    """Find the leg of the colleague from whom a call came to a user, None when from nobody."""
    mine = [leg for leg in call.legs if leg.user_id == user.id and leg.transferred_from]
    if not mine:
        return None
    last = max(mine, key=lambda leg: leg.rang_at or leg.answered_at or call.started_at)
    return next((leg for leg in call.legs if leg.extension == last.transferred_from), None)


def seconds_of_talk(call: Call, state: CardState, user: User) -> int | None:
    """Count how long a user talks, or talked; None when they did not or nobody can say."""
    leg = _leg_of(call, state, user)
    began = talk_began(call, state, user)
    if leg is None or began is None:
        return None
    if state is not CardState.TALKING:
        return leg.talk_seconds
    return max(int((clock.now() - began).total_seconds()), 0)


def _leg_of(call: Call, state: CardState, user: User) -> CallLeg | None:
    """The leg by which a call is to a user what it is, the latest of several."""
    mine = [leg for leg in call.legs if leg.user_id == user.id and _OF_LEG.get(leg.state) is state]
    return max(mine, key=lambda leg: leg.came_at or call.started_at, default=None)


def forgotten_at(call: Call) -> datetime:
    """When a call leaves the screens in any case: it has ended long ago, or was silent for long."""
    if not call.is_live:
        return (call.ended_at or call.started_at) + WRAP_UP_SHOWN_FOR
    moments = [call.started_at, *(leg.rang_at for leg in call.legs if leg.rang_at)]
    if call.phase == CallPhase.RINGING:
        return max(moments) + RINGS_AT_MOST
    return max([*moments, call.answered_at or call.started_at]) + TALKS_AT_MOST


def live_of(user: User) -> "Select[Call]":
    """Select the live calls in which the user has a part: the office may have thousands."""
    return Call.live().where(Call.has_part(user.id)).options(*_needed())


def lately_ended(user: User, now: datetime) -> "Select[Call]":
    """Select the calls that ended a short while ago and in which the user spoke."""
    # Read from the user's own calls and legs, not from all that the office had in these hours.
    since = now - WRAP_UP_SHOWN_FOR - TALKS_AT_MOST
    placed = select(Call.id).where(Call.user_id == user.id, Call.started_at > since)
    spoke = select(CallLeg.call_id).where(
        CallLeg.user_id == user.id, CallLeg.started_at > since, CallLeg.state == LegState.TALKED
    )
    return (
        select(Call)
        .where(
            Call.id.in_(union(placed, spoke)),
            Call.phase == CallPhase.ENDED,
            Call.ended_at > now - WRAP_UP_SHOWN_FOR,
        )
        .order_by(Call.started_at.desc(), Call.id.desc())
        .limit(MOST_CARDS)
        .options(*_needed())
    )


def _needed() -> tuple[ORMOption, ...]:
    contact = joinedload(Call.contact)
    return (
        selectinload(Call.legs),
        contact.joinedload(Contact.company),
        contact.joinedload(Contact.responsible),
    )
