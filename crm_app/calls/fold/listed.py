"""Rows of the statistics, put in the place of the events that never came.

The statistics list each leg of a call once it is over: when it began by the account's clock, which
extension had it, how long it talked. What events say is more exact, so a row only fills gaps. When
a row reached us says nothing: its facts are put to the moments of which it speaks.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from crm_app.calls.fold.facts import Disposition, Fact, FactKind, is_own_leg

ROOT = "root"
_SIGNS = (FactKind.STARTED, FactKind.RANG, FactKind.MENU, FactKind.OUTGOING_STARTED)
_STARTS = (FactKind.STARTED, FactKind.OUTGOING_STARTED)
_OUTGOING = (FactKind.OUTGOING_STARTED, FactKind.OUTGOING_ENDED)
_ENDS = (FactKind.ENDED, FactKind.OUTGOING_ENDED)
# Between the start of a call and the first event of it that can be missing all the others.
_RINGS_AT_MOST = timedelta(minutes=3)
_LONGEST_TALK_S = 7 * 24 * 3600
_FIRST = datetime.min.replace(tzinfo=UTC) + timedelta(days=30)
_LAST = datetime.max.replace(tzinfo=UTC) - timedelta(days=30)


def with_rows_as_events(facts: list[Fact]) -> list[Fact]:
    """Replace rows of the statistics by the facts of which they are the only witness."""
    rows = [fact for fact in facts if fact.kind is FactKind.LISTED]
    if not rows:
        return facts
    heard = [fact for fact in facts if fact.kind is not FactKind.LISTED]
    legs = _each_leg(rows)
    began = _began(heard, rows)
    is_placed = legs[0].pbx_call_id.startswith("out_") or (
        not legs[0].pbx_call_id.startswith("in_") and any(f.kind in _OUTGOING for f in heard)
    )
    filled = _placed(heard, legs, began) if is_placed else _received(heard, legs, began)
    return [*heard, *filled]


def began_by_rows(facts: list[Fact]) -> datetime | None:
    """When a call began, if its rows say it better than its events; None without rows."""
    rows = [fact for fact in facts if fact.kind is FactKind.LISTED]
    heard = [fact for fact in facts if fact.kind is not FactKind.LISTED]
    return _began(heard, rows) if rows else None


def moment_of(row: Fact) -> datetime:
    """When a row says that its leg began; when it arrived, if it says nothing that can be read."""
    return min(max(row.happened_at or row.received_at, _FIRST), _LAST)


def _each_leg(rows: list[Fact]) -> list[Fact]:
    """Join what several sources say of one leg, in the order of the legs."""
    legs: dict[tuple[str, str, str], Fact] = {}
    for row in sorted(rows, key=lambda row: (moment_of(row), row.leg != ROOT, row.content)):
        key = (row.extension, row.called, row.pbx_time)
        known = legs.setdefault(key, row)
        better = max(known, row, key=lambda one: (_is_answered(one), _seconds(one)))
        legs[key] = replace(
            better,
            recording_id=known.recording_id or row.recording_id,
            is_recorded=known.is_recorded or row.is_recorded,
            did=known.did or row.did,
            leg=known.leg or row.leg,
        )
    return list(legs.values())


def _began(heard: list[Fact], rows: list[Fact]) -> datetime:
    """When the call began: by its events, else by its rows where no event contradicts them."""
    starts = [fact.received_at for fact in heard if fact.kind in _STARTS]
    if starts:
        return min(starts)
    began = min(moment_of(row) for row in rows)
    moments = [
        _shifted(fact.received_at, -_seconds(fact) if fact.kind in _ENDS else 0)
        for fact in heard
        if fact.kind in (*_SIGNS, *_ENDS, FactKind.ANSWERED)
    ]
    first = min(moments, default=began)
    return began if first - _RINGS_AT_MOST <= began <= first else first


def _received(heard: list[Fact], legs: list[Fact], began: datetime) -> Iterator[Fact]:
    answers = [fact for fact in heard if fact.kind is FactKind.ANSWERED]
    ends = [fact for fact in heard if fact.kind is FactKind.ENDED and _is_answered(fact)]
    talked = [leg for leg in legs if _is_answered(leg)]
    talkers = _talkers(talked, answers, ends)
    total = sum(_seconds(leg) for leg in talked)
    talk_began = _talk_began(heard, answers, ends, began)
    seen = {fact.who for fact in answers}
    rang = {fact.extension for fact in heard if fact.kind is FactKind.RANG} | seen
    for leg in legs:
        if leg.extension and leg.extension not in rang:
            rang.add(leg.extension)
            yield _event(leg, FactKind.RANG, max(began, moment_of(leg)))
    moment = talk_began
    for leg in talkers:
        if leg.extension not in seen:
            seen.add(leg.extension)
            yield _event(leg, FactKind.ANSWERED, moment)
        moment = _shifted(moment, _seconds(leg))
    signs = [fact.received_at for fact in heard if fact.kind in _SIGNS]
    end = next((leg for leg in legs if leg.leg == ROOT), legs[0])
    if talked:
        end = replace(end, disposition=Disposition.ANSWERED, disposition_raw="answered")
    recordings = {leg.recording_id for leg in talked} - {""}
    yield replace(
        end,
        received_at=_shifted(talk_began, total) if talked else max([began, *signs]),
        extension="",
        last_extension=talkers[-1].extension if talkers else "",
        talk_seconds=total,
        did=next((leg.did for leg in legs if leg.did), ""),
        recording_id=min(recordings, default=""),
        is_recorded=any(leg.is_recorded for leg in talked),
    )
    yield from _recorded(end, recordings)


def _talkers(talked: list[Fact], answers: list[Fact], ends: list[Fact]) -> list[Fact]:
    """List the legs of those who talked; where events name somebody else, they know better."""
    talkers = [leg for leg in talked if leg.extension]
    named = {fact.who for fact in answers} | {end.last_extension or end.extension for end in ends}
    named -= {""}
    if len({leg.extension for leg in talkers}) == 1 and named:
        return [leg for leg in talkers if leg.extension in named]
    return talkers


def _talk_began(
    heard: list[Fact], answers: list[Fact], ends: list[Fact], began: datetime
) -> datetime:
    if answers:
        return min(fact.received_at for fact in answers)
    if ends:
        longest = max(ends, key=lambda end: (_seconds(end), end.content))
        return _shifted(longest.received_at, -_seconds(longest))
    return max([began, *(fact.received_at for fact in heard if fact.kind in _SIGNS)])


def _placed(heard: list[Fact], legs: list[Fact], began: datetime) -> Iterator[Fact]:
    outgoing = [fact for fact in heard if fact.kind in _OUTGOING and not is_own_leg(fact)]
    has_colleague = any(fact.extension for fact in outgoing)
    dialled = min((fact.called for fact in outgoing if fact.called), default="")
    answered = [fact.received_at for fact in heard if fact.kind is FactKind.ANSWERED]
    talk_began = min(answered, default=began)
    latest = max([began, *(fact.received_at for fact in heard if fact.kind in _SIGNS)])
    recordings = set()
    for leg in legs:
        is_own = is_own_leg(leg)
        if leg.extension and (is_own or not has_colleague):
            started = _event(leg, FactKind.OUTGOING_STARTED, began)
            yield started if is_own or not dialled else replace(started, called=dialled)
        talks = _is_answered(leg)
        recordings |= {leg.recording_id} if talks else set()
        yield replace(leg, received_at=_shifted(talk_began, _seconds(leg)) if talks else latest)
    yield from _recorded(legs[0], recordings - {""})


def _recorded(row: Fact, recordings: Iterable[str]) -> Iterator[Fact]:
    for name in sorted(recordings):
        yield Fact(FactKind.RECORDED, row.pbx_call_id, row.received_at, recording_id=name)


def _event(leg: Fact, kind: FactKind, moment: datetime) -> Fact:
    """Make the event that a row stands for."""
    return replace(
        leg, kind=kind, received_at=moment, is_estimated=True, leg="", did="", disposition=None,
        disposition_raw="", talk_seconds=None, recording_id="", is_recorded=False, pbx_time="",
    )  # fmt: skip


def _is_answered(fact: Fact) -> bool:
    if fact.disposition is None:
        return _seconds(fact) > 0
    return fact.disposition is Disposition.ANSWERED


def _seconds(fact: Fact) -> int:
    return min(max(fact.talk_seconds or 0, 0), _LONGEST_TALK_S)


def _shifted(moment: datetime, seconds: int) -> datetime:
    """Move a moment, which may be any that can be written, without leaving the calendar."""
    return min(max(moment, _FIRST), _LAST) + timedelta(seconds=min(seconds, _LONGEST_TALK_S))
