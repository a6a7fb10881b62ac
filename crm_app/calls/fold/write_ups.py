"""Whose talk in a call is over, so that they have it to write up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from crm_app.calls.fold.facts import Direction
from crm_app.calls.fold.legs import Leg, LegState
from crm_app.calls.fold.lifecycle import CallState


@dataclass(frozen=True, slots=True)
class Talk:
    """When somebody got the call, and when their talk was over."""

    began_at: datetime
    ended_at: datetime


def talks_over(call: CallState | None) -> Mapping[str, Talk]:
    """Name the extensions that talked with the other side and do so no more.

    Calls among colleagues are not written up, nor those of another day.
    """
    if call is None or call.answered_at is None or call.is_own_leg:
        return {}
    if call.is_stale or call.is_history or call.is_of_another_day or call.is_nobodys:
        return {}
    if call.direction is Direction.INTERNAL:
        return {}
    over: dict[str, Talk] = {}
    for leg in call.legs:
        if leg.state is LegState.TALKED:
            talk = _talk_of(leg, call)
            known = over.get(leg.extension)
            if talk and (known is None or talk.ended_at > known.ended_at):
                over[leg.extension] = talk
    for leg in call.legs:
        if leg.state is LegState.TALKING:
            over.pop(leg.extension, None)
    return over


def _talk_of(leg: Leg, call: CallState) -> Talk | None:
    is_placed = leg.extension == call.placed_by
    began_at = call.started_at if is_placed else leg.answered_at or call.started_at
    taken_from = call.answered_at if is_placed else leg.answered_at
    taken_over = [
        other.answered_at
        for other in call.legs
        if other.answered_at
        and other.extension not in (leg.extension, call.placed_by)
        and taken_from
        and other.answered_at > taken_from
    ]
    ended_at = min(taken_over, default=call.ended_at)
    return Talk(began_at, ended_at) if ended_at else None
