"""Where each phone is in a call, and how long it talked: what cards, boards and reports show."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from crm_app.calls.fold.ending import CallEnding
from crm_app.calls.fold.facts import Direction
from crm_app.calls.fold.legs import Leg, LegState
from crm_app.calls.fold.parties import Parties


def with_states(
    legs: Sequence[Leg],
    ringing: Sequence[str],
    participants: Sequence[str],
    ending: CallEnding,
    parties: Parties,
) -> tuple[Leg, ...]:
    """Return the legs with their state, and with the seconds that each has talked.

    `participants` are the extensions that talked, the one that has the call now last.
    """
    rings, talked = set(ringing), set(participants)
    talks = set() if ending.end else _talking(legs, participants, parties)
    last: dict[str, datetime] = {}
    for leg in legs:
        if leg.answered_at:
            last[leg.extension] = max(leg.answered_at, last.get(leg.extension, leg.answered_at))
    talk = _Talk(legs, ending, parties)
    stated = []
    for leg in legs:
        is_last = leg.answered_at == last.get(leg.extension)
        if leg.extension in rings and leg.is_unanswered:
            leg = replace(leg, state=LegState.RINGING)
        elif leg.extension in talks and is_last:
            leg = replace(leg, state=LegState.TALKING)
        elif leg.extension in talked and (leg.answered_at or is_last):
            leg = replace(leg, state=LegState.TALKED, talk_seconds=talk.seconds_of(leg))
        stated.append(leg)
    return tuple(stated)


def _talking(legs: Sequence[Leg], participants: Sequence[str], parties: Parties) -> set[str]:
    """Who talks: the one who has the call and, between colleagues, the one who began it."""
    talks = set(participants[-1:])
    if parties.direction is Direction.INTERNAL and parties.placed_by in participants:
        has_passed_on = any(leg.transferred_from == parties.placed_by for leg in legs)
        talks |= set() if has_passed_on else {parties.placed_by}
    return talks


class _Talk:
    """The talk of a call, divided among the phones that had it one after the other."""

    def __init__(self, legs: Sequence[Leg], ending: CallEnding, parties: Parties) -> None:
        # Each of these looks through all answers.
        self._began_at, self._seconds = ending.answered_at, ending.talk_seconds
        self._ended_at = ending.end.received_at if ending.end and not ending.is_swept else None
        # When a call is placed by one of us, their phone is picked up before there is a talk.
        self._placed_by = parties.placed_by
        taken = [
            (leg.answered_at, leg.extension)
            for leg in legs
            if leg.answered_at and leg.extension != parties.placed_by
        ]
        self._taken_at = sorted(at for at, _ in taken)
        self._takers = {extension for _, extension in taken}

    def seconds_of(self, leg: Leg) -> int | None:
        """Seconds from when a phone took the call until the next one did, or the call ended."""
        if self._began_at is None:
            return None
        if self._takers <= {leg.extension}:
            # The PBX's own count is better where there is nothing to divide.
            return self._seconds
        took_at = leg.answered_at if leg.extension != self._placed_by else None
        took_at = took_at or self._began_at
        place = bisect_right(self._taken_at, took_at)
        until = self._taken_at[place] if place < len(self._taken_at) else self._ended_at
        return max(int((until - took_at).total_seconds()), 0) if until else None
