"""Reads the statistics a page at a time, and stores what is new a few calls at a time.

A reading is a plain value, so that it can be interrupted after every step and goes on where it
was: on the network (`fetch`, outside of any transaction) or in the database (`store`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any, Self

from crm_app import database
from crm_app.extensions import db
from crm_app.telephony.reconciliation import account_clock, taking
from crm_app.telephony.reconciliation.account_clock import AccountTime
from crm_app.telephony.reconciliation.taking import Source, Taken, by_call
from crm_app.telephony.zadarma.client import MAX_PAGE_ROWS, ZadarmaClient
from crm_app.telephony.zadarma.replies import StatisticsLeg

# The PBX answers for one month, and cuts longer spans to thirty days; the edges are widened.
LONGEST_WINDOW = timedelta(days=28)
# In one transaction: on SQLite everybody who writes waits for its end.
CALLS_AT_ONCE = 25
_MOST_ROOTLESS = 200
# Our clock and the PBX's do not agree to the second.
_EDGE = timedelta(minutes=5)
# After a step, so that calls that come in wait for a moment only.
RESTS_S = 0.01


@dataclass(frozen=True, slots=True)
class Reading:
    """Where the reading of a span of time is: the window asked for, its next page, what is left.

    `asked` are the two texts by which the window's pages are asked for: with others the pages after
    the first would be those of another list. `rows` are read and not yet stored; `rootless` those
    whose root may stand on the next page.
    """

    since: datetime
    until: datetime
    at: datetime
    skip: int = 0
    is_last_page: bool = False
    rows: tuple[StatisticsLeg, ...] = ()
    rootless: tuple[StatisticsLeg, ...] = ()
    read: int = 0
    asked: tuple[str, str] | None = None

    @classmethod
    def of(cls, since: datetime, until: datetime) -> Self:
        """Begin with a span of time."""
        return cls(since, until, since)

    @property
    def window_ends(self) -> datetime:
        """The end of the window that is read now."""
        return min(self.at + LONGEST_WINDOW, self.until)

    @property
    def needs_page(self) -> bool:
        """Whether the PBX has to be asked before anything can be stored."""
        return not self.rows and not self.is_last_page

    def to_json(self) -> dict[str, Any]:
        """Write it as JSON values."""
        data = asdict(self)
        for name in ("since", "until", "at"):
            data[name] = data[name].isoformat()
        for name in ("rows", "rootless"):
            data[name] = [list(leg.values()) for leg in data[name]]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        values = dict(data)
        for name in ("since", "until", "at"):
            values[name] = datetime.fromisoformat(values[name])
        for name in ("rows", "rootless"):
            rows = (dict(zip(_LEG, row, strict=True)) for row in values[name])
            values[name] = tuple(StatisticsLeg(**row) for row in rows)
        # A reading that an earlier release has begun has none.
        if values.get("asked"):
            values["asked"] = tuple(values["asked"])
        return cls(**values)


_LEG = tuple(one.name for one in fields(StatisticsLeg))


@dataclass(slots=True)
class Stored:
    """The result of one step; `next` is None at the end."""

    next: Reading | None
    taken: Taken = field(default_factory=Taken)


def fetch(reading: Reading, client: ZadarmaClient, source: Source) -> Reading:
    """Ask for the next page, if there is nothing left to store; raises ZadarmaError.

    Call it with no transaction open; it reads, but leaves none open.
    """
    if not reading.needs_page:
        return reading
    asked = reading.asked or source.time.asked_between(reading.at, reading.window_ends)
    page = client.pbx_statistics(*asked, reading.skip)
    with database.reading():
        time = source.time.as_measured(account_clock.offset_by_rows(page.legs))
        new = taking.unknown(
            [leg for leg in page.legs if _is_asked_for(leg, reading, time)], source
        )
        db.session.rollback()
    return replace(
        reading,
        rows=(*reading.rootless, *new),
        rootless=(),
        skip=reading.skip + page.row_count,
        is_last_page=page.row_count < MAX_PAGE_ROWS,
        read=reading.read + page.row_count,
        asked=asked,
    )


def _is_asked_for(leg: StatisticsLeg, reading: Reading, time: AccountTime) -> bool:
    """Whether a row is of the time that is read: more is asked for than is wanted."""
    began = time.utc(leg.started) if time.is_known else None
    return began is None or reading.since - _EDGE <= began <= reading.until + _EDGE


def store(reading: Reading, source: Source) -> Stored:
    """Store a few of the calls that were read, and say what comes next; does not commit."""
    if reading.needs_page:
        return Stored(reading)
    calls = by_call(reading.rows)
    some = dict(list(calls.items())[:CALLS_AT_ONCE])
    taken = taking.take(some, source)
    rest = tuple(leg for leg in reading.rows if leg.pbx_call_id not in some)
    rootless = (*reading.rootless, *taken.rootless)[-_MOST_ROOTLESS:]
    after = replace(reading, rows=rest, rootless=rootless)
    if rest or not reading.is_last_page:
        return Stored(after, taken)
    # What had no root until the end of a window is a phantom.
    following = replace(after, skip=0, is_last_page=False, rootless=(), asked=None)
    if after.asked not in (None, source.time.asked_between(after.at, after.window_ends)):
        # The clock has proved to be another: what was taken for another day's was left out.
        return Stored(following, taken)
    if reading.window_ends >= reading.until:
        return Stored(None, taken)
    return Stored(replace(following, at=reading.window_ends), taken)
