"""How a call ended, if it has: which fact decides, who picked up, how long it rang and lasted."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from crm_app.calls.fold.facts import CallPhase, Direction, Disposition, Fact, FactKind, is_own_leg
from crm_app.calls.fold.parties import OUTGOING, Parties

STARTS = (FactKind.STARTED, FactKind.OUTGOING_STARTED)
ENDS = (FactKind.ENDED, FactKind.OUTGOING_ENDED, FactKind.LISTED)
NEVER = datetime.min.replace(tzinfo=UTC)
SIGNS_OF_LIFE = (
    FactKind.STARTED,
    FactKind.RANG,
    FactKind.ANSWERED,
    FactKind.MENU,
    FactKind.OUTGOING_STARTED,
)
_LONGEST_CALL_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class CallEnding:
    """How the call ended so far: `end` is the fact that decides, None while it lives."""

    end: Fact | None
    leg_ends: list[Fact]
    answers: list[Fact]
    is_answered: bool
    is_refused: bool
    answering_ends: list[Fact]

    @property
    def is_swept(self) -> bool:
        """We closed the call ourselves because nothing was heard of it for too long."""
        return self.end is not None and self.end.kind is FactKind.SWEPT

    @property
    def phase(self) -> CallPhase:
        """Where the call is."""
        if self.end:
            return CallPhase.ENDED
        return CallPhase.ANSWERED if self.answers else CallPhase.RINGING

    @property
    def disposition(self) -> Disposition | None:
        """How it ended; None while it lives, and when we refused it."""
        if self.end is None or self.is_refused:
            return None
        if self.is_swept:
            return Disposition.UNFINISHED
        if self.is_answered:
            return Disposition.ANSWERED
        return self.end.disposition or Disposition.FAILED

    @property
    def answered_at(self) -> datetime | None:
        """When the talk began: when we heard of it, or earlier if its length says so."""
        return min(self._heard_answers or self._all_answers, default=None)

    @property
    def _heard_answers(self) -> list[datetime]:
        """The moments of the answer that events tell; rows of the statistics do not know it."""
        moments = [fact.received_at for fact in self.answers if not fact.is_estimated]
        if self.end and self.end.kind is not FactKind.LISTED and self._is_answering(self.end):
            moments.append(_earlier(self.end.received_at, _seconds(self.end)))
        return moments

    @property
    def _all_answers(self) -> list[datetime]:
        moments = [fact.received_at for fact in self.answers]
        if self.end and self._is_answering(self.end):
            moments.append(_earlier(self.end.received_at, _seconds(self.end)))
        return moments

    @property
    def talk_seconds(self) -> int | None:
        """Seconds from answer to end, as the PBX counts them if it does; None while unknown."""
        if self.end is None or self.is_swept:
            return None
        if not self.is_answered:
            return 0
        if self._is_answering(self.end) and self.end.talk_seconds is not None:
            return _seconds(self.end)
        began = self.answered_at or self.end.received_at
        return max(int((self.end.received_at - began).total_seconds()), 0)

    def ring_seconds(self, facts: list[Fact]) -> int | None:
        """Seconds from the start until somebody answered or the caller gave up; None if unknown.

        Only events tell when: what is first heard of a call and is not its start, or comes before
        its start, says nothing of how long it had rung by then.
        """
        signs = [fact for fact in facts if fact.kind in SIGNS_OF_LIFE and not fact.is_estimated]
        heard = ((fact.received_at, fact.kind not in STARTS) for fact in signs)
        began, has_no_start = min(heard, default=(NEVER, True))
        until = min(self._heard_answers, default=None)
        if until is None and self.end and not (self.is_answered or self._is_silent(self.end)):
            until = self.end.received_at
        if has_no_start or until is None or until < began:
            return None
        return int((until - began).total_seconds())

    def _is_silent(self, end: Fact) -> bool:
        """Whether an end does not tell when it was."""
        return self.is_swept or end.kind is FactKind.LISTED

    def _is_answering(self, end: Fact) -> bool:
        return end.kind in ENDS and _says_answered(end)


def ending_of(facts: list[Fact], parties: Parties, *, is_stale: bool = False) -> CallEnding:
    """Weigh the ends of a call against its answers.

    A stale call is one of another day: it is over, whether its end is known or not.
    """
    answers = [fact for fact in facts if fact.kind is FactKind.ANSWERED]
    ends = [fact for fact in facts if fact.kind in ENDS]
    if parties.direction is Direction.OUTBOUND and not parties.is_own_leg:
        # Our own phone was picked up, or hung up: that says nothing of the other side.
        answers = [fact for fact in answers if fact.called != parties.placed_by or not fact.called]
        if any(fact.kind in OUTGOING and not is_own_leg(fact) for fact in facts):
            ends = [fact for fact in ends if not is_own_leg(fact)]
    first_answers = _first_answers(answers)
    leg_ends = [fact for fact in ends if _ends_only_a_leg(fact, first_answers)]
    ends = [fact for fact in ends if not _ends_only_a_leg(fact, first_answers)]
    refusals = [fact for fact in facts if fact.kind is FactKind.REFUSED]
    end = max(ends, key=_weight, default=None)
    end = end or next(iter(refusals), None) or _sweep_in_force(facts)
    if end is None and is_stale:
        end = Fact(FactKind.SWEPT, facts[0].pbx_call_id, max(fact.received_at for fact in facts))
    answering_ends = sorted(filter(_says_answered, ends), key=_weight, reverse=True)
    return CallEnding(
        end, leg_ends, answers, bool(answers or answering_ends), bool(refusals), answering_ends
    )


def _first_answers(answers: list[Fact]) -> list[tuple[datetime, str]]:
    """The two extensions that answered first, and when each of them did."""
    first: dict[str, datetime] = {}
    for fact in answers:
        if fact.who and fact.received_at <= first.get(fact.who, fact.received_at):
            first[fact.who] = fact.received_at
    return sorted((at, who) for who, at in first.items())[:2]


def _ends_only_a_leg(end: Fact, first_answers: list[tuple[datetime, str]]) -> bool:
    """Whether an end is that of one phone, while another had answered before it."""
    if end.kind is not FactKind.ENDED or _says_answered(end):
        return False
    if not end.extension or end.last_extension:
        return False
    return any(who != end.extension and at <= end.received_at for at, who in first_answers)


def _sweep_in_force(facts: list[Fact]) -> Fact | None:
    """Find our own closing of a silent call, unless the PBX has spoken of it again since."""
    sweep = max(
        (fact for fact in facts if fact.kind is FactKind.SWEPT),
        key=lambda fact: fact.received_at,
        default=None,
    )
    if sweep and any(
        fact.kind in SIGNS_OF_LIFE and fact.received_at > sweep.received_at for fact in facts
    ):
        return None
    return sweep


def _says_answered(end: Fact) -> bool:
    if end.disposition is None:
        return _seconds(end) > 0
    return end.disposition is Disposition.ANSWERED


def _weight(end: Fact) -> tuple[bool, bool, int, tuple[str, ...]]:
    """Answered outweighs every other end; then an event outweighs a row of the statistics."""
    return _says_answered(end), end.kind is not FactKind.LISTED, _seconds(end), end.content


def _seconds(end: Fact) -> int:
    return min(max(end.talk_seconds or 0, 0), _LONGEST_CALL_SECONDS)


def _earlier(moment: datetime, seconds: int) -> datetime:
    return max(moment, NEVER + timedelta(seconds=seconds)) - timedelta(seconds=seconds)
