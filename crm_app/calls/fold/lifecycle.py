"""The fold: a call is what its facts say, in whatever order and however often they arrived.

The time of arrival gives the times of the call. Beyond that it only breaks ties which no field
decides: two answers that no transfer links, a leg's end against the call's, a word after a sweep.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from crm_app.calls.fold.ending import ENDS, NEVER, SIGNS_OF_LIFE, CallEnding, ending_of
from crm_app.calls.fold.facts import CallPhase, Direction, Disposition, Fact, FactKind, as_read
from crm_app.calls.fold.leg_states import with_states
from crm_app.calls.fold.legs import Leg, answerers_of, legs_of, ringing_in
from crm_app.calls.fold.listed import ROOT, began_by_rows, moment_of, with_rows_as_events
from crm_app.calls.fold.parties import Parties, parties_of

# The statistics include old calls.
_IS_OF_ANY_DAY = (FactKind.LISTED, FactKind.RECORDED)
_FRESH = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class CallState:
    """Everything that is known of one call; extensions and numbers are '' when not known."""

    pbx_call_id: str
    direction: Direction
    phase: CallPhase
    disposition: Disposition | None
    disposition_raw: str
    is_blocked: bool
    is_voicemail: bool
    is_own_leg: bool
    is_stale: bool
    # The PBX spoke of it while it went on: it is not known from the statistics or its end alone.
    was_heard: bool
    outside_number: str
    outside_name: str
    did: str
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    ring_seconds: int | None
    talk_seconds: int | None
    answered_by: str
    placed_by: str
    legs: tuple[Leg, ...]
    participants: tuple[str, ...]
    recordings: tuple[str, ...]
    # The PBX says that there is one, whether it names it or not.
    is_recorded: bool
    ringing_extensions: tuple[str, ...]
    talking_extension: str
    # Only the history that the office loaded knows it.
    is_history: bool = False
    # Only the statistics know it, and we learnt of it more than a day later.
    is_of_another_day: bool = False
    # An outgoing call of which neither the start nor the extension is known.
    is_nobodys: bool = False
    # The day under which the statistics list it, by the account's clock; "" while they do not.
    listed_on: str = ""

    @property
    def is_missed(self) -> bool:
        """An incoming call that is over, that no person answered and that we did not refuse.

        A message left on the voicemail is still a missed call; a call whose end we never heard is
        one unless somebody is known to have answered it.
        """
        return (
            self.direction is Direction.INBOUND
            and self.phase is CallPhase.ENDED
            and not self.is_blocked
            and (self.is_voicemail or self.answered_at is None)
            and (self.is_voicemail or self.disposition is not Disposition.ANSWERED)
        )

    @property
    def status(self) -> str:
        """The one word a list shows: a phase while the call lives, then how it ended."""
        if self.is_blocked:
            return "blocked"
        if self.phase is not CallPhase.ENDED:
            return "ringing" if self.phase is CallPhase.RINGING else "talking"
        if self.is_voicemail:
            return "voicemail"
        if self.disposition in (Disposition.ANSWERED, Disposition.UNFINISHED):
            return str(self.disposition)
        if self.direction is Direction.INBOUND:
            return "missed"
        return str(self.disposition or Disposition.FAILED)


def fold(facts: Iterable[Fact]) -> CallState:
    """Make the call of its facts; never raises, whatever the facts say."""
    distinct = _each_once(as_read(facts))
    rows = [fact for fact in distinct if fact.kind is FactKind.LISTED]
    has_only_rows = bool(rows) and len(rows) == len(distinct)
    began = began_by_rows(distinct)
    if rows:
        distinct = _each_once(with_rows_as_events(distinct))
    parties = parties_of(distinct)
    is_stale = _is_stale(distinct)
    ending = ending_of(distinct, parties, is_stale=is_stale)
    answerers = [] if ending.is_refused else answerers_of(distinct, ending.answers, parties)
    answered_by = _answered_by(answerers, parties, ending)
    participants = _participants(answerers, answered_by, parties, ending)
    recordings = _recordings(distinct, ending)
    answered_at = ending.answered_at
    started_at = began or min([fact.received_at for fact in distinct], default=NEVER)
    started_at = min(started_at, answered_at or started_at)
    legs = legs_of(distinct, ending.answers, ending.leg_ends, parties)
    # Everybody who talked has a leg, also who made the call and has passed it on.
    known = {leg.extension for leg in legs}
    talked = [name for name in participants if name not in known]
    legs = (*legs, *(Leg(name, answered_at=answered_at) for name in talked))
    ringing = () if ending.end else ringing_in(legs, participants)
    return CallState(
        pbx_call_id=distinct[0].pbx_call_id if distinct else "",
        direction=parties.direction,
        phase=ending.phase,
        disposition=ending.disposition,
        disposition_raw=ending.end.disposition_raw if ending.end else "",
        is_blocked=ending.is_refused,
        is_voicemail=_is_voicemail(parties, ending, participants, recordings),
        is_own_leg=parties.is_own_leg,
        is_stale=is_stale,
        was_heard=any(fact.kind in SIGNS_OF_LIFE for fact in distinct),
        outside_number=parties.outside_number,
        outside_name=parties.outside_name,
        did=min([fact.did for fact in distinct if fact.did], default=""),
        started_at=started_at,
        answered_at=answered_at,
        ended_at=ending.end.received_at if ending.end else None,
        ring_seconds=ending.ring_seconds(distinct),
        talk_seconds=ending.talk_seconds,
        answered_by=answered_by,
        placed_by=parties.placed_by,
        legs=with_states(legs, ringing, participants, ending, parties),
        participants=participants,
        recordings=recordings,
        is_recorded=bool(recordings) or any(end.is_recorded for end in ending.answering_ends),
        ringing_extensions=ringing,
        talking_extension=participants[-1] if participants and not ending.end else "",
        is_history=has_only_rows and all(row.origin for row in rows),
        is_of_another_day=has_only_rows and all(_came_late(row) for row in rows),
        is_nobodys=_is_nobodys(distinct, parties),
        listed_on=_listed_on(rows),
    )


def _came_late(row: Fact) -> bool:
    return row.received_at - moment_of(row) > _FRESH


def _is_nobodys(facts: list[Fact], parties: Parties) -> bool:
    """Whether it is the check of a number by call, which the PBX reports like a call of ours."""
    return (
        parties.direction is Direction.OUTBOUND
        and not parties.placed_by
        and not any(fact.kind is FactKind.OUTGOING_STARTED for fact in facts)
    )


def _listed_on(rows: list[Fact]) -> str:
    """Name the day of a call in the statistics: that of its root, else of its first leg."""
    days = [(row.leg != ROOT, row.pbx_time[:10]) for row in rows if row.happened_at]
    return min(days, default=(True, ""))[1]


def _each_once(facts: Iterable[Fact]) -> list[Fact]:
    """Keep the earliest of each content, in order of arrival."""
    earliest: dict[tuple[str, ...], Fact] = {}
    for fact in facts:
        known = earliest.setdefault(fact.content, fact)
        if fact.received_at < known.received_at:
            earliest[fact.content] = fact
    heard = sorted((fact.received_at, content) for content, fact in earliest.items())
    return [earliest[content] for _, content in heard]


def _is_stale(facts: list[Fact]) -> bool:
    """Whether old notifications were sent again: they are signed, but the call is over.

    The PBX's start has no zone and its clock may be hours from ours, so a day is what proves it.
    """
    return any(
        fact.is_undated or (fact.pbx_time and abs(_pbx_clock_lead(fact)) > _FRESH)
        for fact in facts
        if fact.kind not in _IS_OF_ANY_DAY
    )


def _pbx_clock_lead(fact: Fact) -> timedelta:
    try:
        start = datetime.fromisoformat(fact.pbx_time).replace(tzinfo=UTC)
    except ValueError:
        return timedelta()
    return start - fact.received_at


def _answered_by(answerers: list[str], parties: Parties, ending: CallEnding) -> str:
    """Name who had the call last; of a call whose end we never heard nobody can say that."""
    if not ending.is_answered or ending.is_refused or ending.is_swept:
        return ""
    last = [end.last_extension for end in ending.answering_ends if end.last_extension]
    known = [*last[:1], *answerers[-1:]]
    if parties.direction is Direction.INBOUND:
        known += [end.extension for end in ending.answering_ends if end.extension]
    elif parties.direction is Direction.OUTBOUND:
        known.append(parties.placed_by)
    else:
        known.append(parties.called_extension)
        known += [end.who for end in ending.answering_ends if end.who != parties.placed_by]
    return next(filter(None, known), "")


def _participants(
    answerers: list[str], answered_by: str, parties: Parties, ending: CallEnding
) -> tuple[str, ...]:
    if ending.is_refused or not ending.is_answered:
        return ()
    talked = [name for name in (parties.placed_by, *answerers, answered_by) if name]
    if ending.end:
        return tuple(dict.fromkeys(talked))
    # The one who has the call now is named last, also when it came back to them.
    return tuple(dict.fromkeys(reversed(talked)))[::-1]


def _is_voicemail(
    parties: Parties, ending: CallEnding, participants: tuple[str, ...], recordings: tuple[str, ...]
) -> bool:
    """The PBX says answered, somebody was recorded, and none of us is named."""
    return (
        parties.direction is Direction.INBOUND
        and not (ending.is_refused or ending.answers or participants)
        and bool(ending.answering_ends)
        and (bool(recordings) or any(end.is_recorded for end in ending.answering_ends))
    )


def _recordings(facts: list[Fact], ending: CallEnding) -> tuple[str, ...]:
    """List the recordings; one announced by the end of an unanswered call holds nothing."""
    announced = {fact.recording_id for fact in facts if fact.kind is FactKind.RECORDED}
    if ending.is_answered:
        announced |= {fact.recording_id for fact in facts if fact.kind in ENDS}
    return tuple(sorted(announced - {""}))
