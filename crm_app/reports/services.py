"""The counts of reports: kept up by a job, and read together with what it has not counted yet.

No verb here commits.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    union_all,
)

from crm_app import clock
from crm_app.calls.store import upkeep
from crm_app.extensions import db
from crm_app.local_time import FIRST_DAY, LocalTime
from crm_app.office.hours import OpeningHours, day_text
from crm_app.reports import log
from crm_app.reports.counting import Count, Counts, Kind, Row
from crm_app.reports.models import ReportCount, ReportProgress
from crm_app.reports.periods import Period

# What is written in a transaction that lasts longer than this is counted with the next change.
OVERLAP = timedelta(minutes=2)
COUNTED_AT_ONCE = 5_000
MOST_CHANGED = 20_000
# So many calls are counted while somebody waits for a page; more only where the job does not run.
COUNTED_LIVE = 3_000
IS_KEPT_UP = timedelta(minutes=10)
_ONE_DAY = timedelta(days=1)
# Of these the reader's own numbers suffice.
_OF_ONE = (Kind.HOUR, Kind.LINE, Kind.REASON)
# A day's total has no key, and of the worst only the largest is wanted: one number for each user.
_OF_ALL_ONE_EACH = (Kind.TOTAL, Kind.WORST)
_OF_ALL_BY_KEY = (Kind.REACHED,)
_OF_ALL = _OF_ALL_ONE_EACH + _OF_ALL_BY_KEY
# Of the days before no more is shown.
_BEFORE_OF_ONE = (Kind.LINE,)
_BEFORE_OF_ALL = (Kind.TOTAL,)
_SUMS = (
    ReportCount.incoming,
    ReportCount.answered,
    ReportCount.missed,
    ReportCount.outgoing,
    ReportCount.reached,
    ReportCount.internal,
    ReportCount.seconds,
)


@dataclass(slots=True)
class Sums:
    """The counts of some days by (kind, whose, key); the keys of WORST are the worst of all."""

    counts: dict[tuple[Kind, int], dict[str, Count]] = field(default_factory=dict)

    def of(self, kind: Kind, whose: int) -> dict[str, Count]:
        """Return what was counted in one way, by its key."""
        return self.counts.get((kind, whose), {})

    def total(self, whose: int) -> Count:
        """Return how many calls somebody had."""
        return self.of(Kind.TOTAL, whose).get("", Count())

    def add(self, kind: Kind, whose: int, key: str, number: Count) -> None:
        """Add a count."""
        mine = self.counts.setdefault((kind, whose), {})
        if kind is Kind.WORST:
            self.counts[kind, whose] = {max([key, *mine]): number}
        else:
            mine.setdefault(key, Count()).add(number)


@dataclass(frozen=True, slots=True)
class Numbers:
    """The counts of a period, of the one before, and of each day of the period.

    Of the one before only totals and lines are read: nothing else is compared.
    `counted_at` is None when everything is counted to this moment; `counted_from` is then the
    first day that is.
    """

    now: Sums
    before: Sums
    by_day: dict[date, Count]
    counted_at: datetime | None = None
    counted_from: date | None = None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is read: `whose` in full, of the others totals."""

    period: Period
    before: Period
    whose: int
    everybody: frozenset[int]

    @property
    def since(self) -> date:
        return min(self.before.since, self.period.since)

    def has(self, row: Row) -> bool:
        """Whether a count that was just made is among it."""
        is_now = row.day >= self.period.since
        of_all, of_one = (_OF_ALL, _OF_ONE) if is_now else (_BEFORE_OF_ALL, _BEFORE_OF_ONE)
        return (row.whose in self.everybody and row.kind in of_all) or (
            row.whose == self.whose and row.kind in of_one
        )


def read(period: Period, whose: int, colleagues: Iterable[int], hours: OpeningHours) -> Numbers:
    """Read the counts of a period for the office (OFFICE) or one colleague.

    `colleagues` are those whose totals are wanted, too. How many statements it takes does not
    depend on the number of calls.
    """
    wanted = _Wanted(period, period.before(), whose, frozenset({whose, *colleagues}))
    progress = db.session.get(ReportProgress, 1)
    stale = _stale_days(progress, wanted, hours)
    numbers = Numbers(Sums(), Sums(), {})
    if progress is not None and _are_too_many(stale, progress, hours):
        is_whole = progress.counted_from <= wanted.since
        since = None if is_whole else progress.counted_from
        numbers = Numbers(Sums(), Sums(), {}, progress.counted_at, since)
        stale = set()
    for is_now, kind, owner, key, *sums in db.session.execute(_sums(wanted, stale)):
        (numbers.now if is_now else numbers.before).add(Kind(kind), owner, key, Count(*sums))
    for day, *sums in db.session.execute(_by_day(wanted, stale)):
        numbers.by_day[day] = Count(*sums)
    if stale:
        _add_live(numbers, wanted, stale, hours)
    return numbers


def _add_live(numbers: Numbers, wanted: _Wanted, days: set[date], hours: OpeningHours) -> None:
    for row, number in log.count_days(days, hours).items():
        if not wanted.has(row):
            continue
        is_now = row.day >= wanted.period.since
        sums = numbers.now if is_now else numbers.before
        sums.add(row.kind, row.whose, row.key, number)
        if is_now and row.kind is Kind.TOTAL and row.whose == wanted.whose:
            numbers.by_day.setdefault(row.day, Count()).add(number)


def _stale_days(progress: ReportProgress | None, wanted: _Wanted, hours: OpeningHours) -> set[date]:
    """List the days asked for whose counts are missing or no longer right."""
    spans = (wanted.period, wanted.before)
    days = {span.since + timedelta(days=n) for span in spans for n in range(span.days)}
    if progress is None or progress.hours != _fingerprint(hours):
        return days
    changed = log.changed_days(progress.seen_until, hours.zone)
    return {day for day in days if day < progress.counted_from or day in changed}


def _are_too_many(days: set[date], progress: ReportProgress, hours: OpeningHours) -> bool:
    """Whether days must wait for the job, which is at work, so as not to keep a page waiting."""
    if not days or progress.counted_at < clock.now() - IS_KEPT_UP:
        return False
    return log.count_calls(days, hours.zone, COUNTED_LIVE + 1) > COUNTED_LIVE


def _sums(wanted: _Wanted, stale: set[date]) -> CompoundSelect[Any]:
    """Write one question of several parts, each of which reads only what is shown."""
    now, before = wanted.period, wanted.before
    everybody, one = wanted.everybody, frozenset({wanted.whose})
    return union_all(
        _part(now, _OF_ALL_ONE_EACH, everybody, stale, is_now=True),
        _part(now, _OF_ALL_BY_KEY, everybody, stale, is_now=True, by_key=True),
        _part(now, _OF_ONE, one, stale, is_now=True, by_key=True),
        _part(before, _BEFORE_OF_ALL, everybody, stale),
        _part(before, _BEFORE_OF_ONE, one, stale, by_key=True),
    )


def _part(
    period: Period,
    kinds: Iterable[Kind],
    whose: Iterable[int],
    stale: set[date],
    *,
    is_now: bool = False,
    by_key: bool = False,
) -> Select[Any]:
    """Add counts up over a period: for each kind and user, or also for each key.

    For each user they are added in the order of the index; only by key they must be sorted first.
    """
    key: Any = ReportCount.key
    names = (ReportCount.kind, ReportCount.whose, *([key] if by_key else []))
    asked: Select[Any] = select(
        literal(is_now).label("is_now"),
        ReportCount.kind,
        ReportCount.whose,
        (key if by_key else func.max(key)).label("key"),
        *(func.sum(column).label(column.key) for column in _SUMS),
    )
    # Ids stand in the text itself: to fill in hundreds of places takes longer than to read them.
    ids: Any = bindparam("ids", sorted(whose), expanding=True, literal_execute=True, unique=True)
    is_wanted = ReportCount.kind.in_([str(kind) for kind in kinds]) & ReportCount.whose.in_(ids)
    return asked.where(is_wanted, *_on(period, stale)).group_by(*names)


def _by_day(wanted: _Wanted, stale: set[date]) -> Select[Any]:
    is_wanted = (ReportCount.kind == Kind.TOTAL, ReportCount.whose == wanted.whose)
    counts: Any = select(ReportCount.day, *_SUMS)
    found: Select[Any] = counts.where(*is_wanted, *_on(wanted.period, stale))
    return found


def _on(period: Period, stale: set[date]) -> list[ColumnElement[bool]]:
    wrong = sorted(day for day in stale if period.since <= day <= period.until)
    found: list[ColumnElement[bool]] = [ReportCount.day.between(period.since, period.until)]
    return [*found, ReportCount.day.not_in(wrong)] if wrong else found


@dataclass(frozen=True, slots=True)
class Step:
    """Some days that were counted, and what the progress was before and is with them.

    `was` is None when all is to be counted from the beginning.
    """

    was: tuple[str, date, datetime] | None
    hours: str
    counted_from: date
    seen_until: datetime
    counted_at: datetime
    days: frozenset[date] = frozenset()
    counts: Counts = field(default_factory=dict)


def prepare(hours: OpeningHours) -> Step:
    """Count what has changed, and some of what was never counted; only reads."""
    local, words = LocalTime.of(hours.zone.key), _fingerprint(hours)
    seen_until = local.now - OVERLAP
    again = Step(None, words, local.today + _ONE_DAY, seen_until, local.now)
    progress = db.session.get(ReportProgress, 1)
    if progress is None or progress.hours != words:
        return again
    counted_from = progress.counted_from
    changed = log.changed_days(progress.seen_until, hours.zone)
    days = {day for day in changed if day >= counted_from}
    if len(days) > 1 and log.count_calls(days, hours.zone, MOST_CHANGED) == MOST_CHANGED:
        # The log was recomputed or loaded: all over, in steps.
        return again
    if counted_from > FIRST_DAY:
        earlier, counted_from = _earlier_days(counted_from, hours, local)
        days |= earlier
    counts = log.count_days(days, hours) if days else {}
    return Step(
        _state(progress), words, counted_from, seen_until, local.now, frozenset(days), counts
    )


def write(step: Step) -> bool:
    """Write what was counted; says whether there is more to count."""
    progress = db.session.get(ReportProgress, 1, with_for_update=True)
    if step.was is None:
        db.session.execute(delete(ReportCount))
    elif progress is None or _state(progress) != step.was:
        # It was begun again since then.
        return True
    if progress is None:
        progress = ReportProgress(id=1)
        db.session.add(progress)
    progress.hours, progress.counted_from = step.hours, step.counted_from
    progress.seen_until, progress.counted_at = step.seen_until, step.counted_at
    db.session.flush()
    _write_counts(step)
    return step.counted_from > FIRST_DAY


def _state(progress: ReportProgress) -> tuple[str, date, datetime]:
    return progress.hours, progress.counted_from, progress.seen_until


def _earlier_days(
    counted_from: date, hours: OpeningHours, local: LocalTime
) -> tuple[set[date], date]:
    """List some of the days before those that are counted, and say from which day all are then."""
    since = log.day_of_earlier(local.midnight(counted_from), COUNTED_AT_ONCE, hours.zone)
    if since is None:
        began = log.first_call_at()
        first = began.astimezone(hours.zone).date() if began else counted_from
        return _span(first, counted_from), FIRST_DAY
    since = min(since, counted_from - _ONE_DAY)
    return _span(since, counted_from), since


def _span(since: date, until: date) -> set[date]:
    return {since + timedelta(days=n) for n in range((until - since).days)}


def _write_counts(step: Step) -> None:
    if step.days:
        db.session.execute(delete(ReportCount).where(ReportCount.day.in_(sorted(step.days))))
    rows = [
        {
            "kind": str(row.kind),
            "whose": row.whose,
            "day": row.day,
            "key": row.key,
            **{column.key: getattr(number, column.key) for column in _SUMS},
        }
        for row, number in step.counts.items()
    ]
    if rows:
        db.session.execute(insert(ReportCount), rows)


def _fingerprint(hours: OpeningHours) -> str:
    week = "; ".join(day_text(day) for day in hours.week)
    holidays = " ".join(sorted(day.isoformat() for day in hours.holidays))
    return f"{hours.zone.key}; {week}; {holidays}"


@upkeep.after_rebuild
def forget() -> None:
    """Forget all counts, because calls may have been dropped: the job counts them again."""
    db.session.execute(delete(ReportProgress))
    db.session.execute(delete(ReportCount))
