"""The account's clock: the PBX writes all its times by it and names no zone.

What the account says of its zone is one witness. Better ones are the calls of which we know the
moment: their events, received as they happened, and their rows in the statistics.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import select

from crm_app import clock
from crm_app.calls.models import Call
from crm_app.extensions import db
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.setup.health_checks import newest_starts
from crm_app.telephony.zadarma.replies import StatisticsLeg

WALL_CLOCK = "%Y-%m-%d %H:%M:%S"
_QUARTER = timedelta(minutes=15)
# Zones differ by quarter hours; what is further from one is no fresh event but a late one.
_CLOCKS_AGREE_WITHIN = timedelta(minutes=5)
_FURTHEST = timedelta(hours=14)
_WITNESSES = 12
# One or two may have come late by just so much.
_SEVERAL = 3
_LOOKED_BACK = 50
# Summer time, and rows that were written while the clock was changed.
_MARGIN = timedelta(hours=1, minutes=5)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AccountTime:
    """How the account's clock is read: so far ahead of UTC, or by the rules of a zone.

    `is_known` is False as long as no witness has spoken; then it may be any zone.
    """

    offset: timedelta = timedelta()
    zone: tzinfo | None = None
    is_known: bool = True

    def utc(self, text: str) -> datetime | None:
        """Read a wall clock text; None when it is none."""
        try:
            wall = datetime.strptime(text, WALL_CLOCK).replace(tzinfo=UTC)
        except ValueError:
            return None
        if self.zone is not None:
            return wall.replace(tzinfo=self.zone).astimezone(UTC)
        return wall - self.offset

    def wall(self, moment: datetime) -> datetime:
        """Tell the wall clock's time at a moment."""
        if self.zone is not None:
            return moment.astimezone(self.zone).replace(tzinfo=None)
        return (moment.astimezone(UTC) + self.offset).replace(tzinfo=None)

    def as_measured(self, seconds: int | None) -> "AccountTime":
        """Give the time by another measurement of its offset, itself when that is the same."""
        if seconds is None or timedelta(seconds=seconds) == self.offset:
            return self
        return AccountTime(timedelta(seconds=seconds))

    def day(self, moment: datetime) -> date:
        """Tell the account's day at a moment."""
        return self.wall(moment).date()

    def day_begins(self, day: date) -> datetime:
        """Tell when a day of the account begins."""
        begins = self.utc(f"{day.isoformat()} 00:00:00")
        if begins is None:
            raise ValueError(day)
        return begins

    def asked_between(self, since: datetime, until: datetime) -> tuple[str, str]:
        """Give the two texts that ask for all calls between two moments.

        Whether the PBX reads them by the account's clock or as UTC is not certain, so both are
        covered, and every zone while the account's is not known.
        """
        margin = _MARGIN if self.is_known else _FURTHEST
        start = since.astimezone(UTC) + min(timedelta(), self.offset) - margin
        end = until.astimezone(UTC) + max(timedelta(), self.offset) + margin
        return start.strftime(WALL_CLOCK), end.strftime(WALL_CLOCK)


def account_time(settings: TelephonySettings, timezone: str) -> AccountTime:
    """Tell how the account's clock is read now; `timezone` is the office's.

    The offset alone does not say what it was last summer. Where it is that of the office's zone,
    the account is taken to keep that zone's time.
    """
    seconds = settings.pbx_offset_seconds
    if seconds is None:
        return AccountTime(is_known=False)
    offset, zone = timedelta(seconds=seconds), ZoneInfo(timezone)
    is_the_offices = clock.now().astimezone(zone).utcoffset() == offset
    return AccountTime(offset, zone if is_the_offices else None)


def offset_by_events() -> int | None:
    """Measure by the last calls whose start was received as it happened, in seconds."""
    newest = newest_starts(_WITNESSES)
    seen = ((stored.fact.pbx_time, stored.received_at) for stored in newest)
    return _agreed(seen)


def offset_by_rows(legs: Iterable[StatisticsLeg]) -> int | None:
    """Measure by the rows of calls that events have brought, in seconds."""
    starts: dict[str, str] = {}
    for leg in legs:
        known = starts.setdefault(leg.pbx_call_id, leg.started)
        starts[leg.pbx_call_id] = min(known, leg.started)
    some = list(starts)[-200:]
    moments = db.session.execute(
        select(Call.pbx_call_id, Call.started_at).where(
            Call.pbx_call_id.in_(some), Call.listed_on.is_(None)
        )
    )
    return _agreed((starts[pbx_call_id], moment) for pbx_call_id, moment in moments)


def was_heard(seconds: int) -> bool:
    """Whether several of the last calls, received as they happened, show this offset."""
    newest = newest_starts(_LOOKED_BACK)
    votes = _votes((stored.fact.pbx_time, stored.received_at) for stored in newest)
    return votes[round(timedelta(seconds=seconds) / _QUARTER)] >= _SEVERAL


def note(settings: TelephonySettings, seconds: int | None, source: str) -> bool:
    """Store what the calls say of the clock, and say whether it has shifted; does not commit.

    `source` is events or rows. Without witnesses all stays as it was.
    """
    if seconds is None or seconds == settings.heard_offset_seconds:
        return False
    before = settings.pbx_offset_seconds
    settings.heard_offset_seconds, settings.heard_offset_from = seconds, source
    return settings.note_shift(before)


def _agreed(witnesses: Iterable[tuple[str, datetime]]) -> int | None:
    """Find the whole quarter hours of which most witnesses speak; the first ones break a tie."""
    votes = _votes(witnesses)
    if not votes:
        return None
    quarters, _ = votes.most_common(1)[0]
    return int((quarters * _QUARTER).total_seconds())


def _votes(witnesses: Iterable[tuple[str, datetime]]) -> Counter[int]:
    """Count the witnesses of each number of quarter hours."""
    votes: Counter[int] = Counter()
    for text, moment in witnesses:
        try:
            wall = datetime.strptime(text, WALL_CLOCK).replace(tzinfo=UTC)
        except ValueError:
            continue
        lead = wall - moment
        quarters = round(lead / _QUARTER)
        is_fresh = abs(lead - quarters * _QUARTER) <= _CLOCKS_AGREE_WITHIN
        if is_fresh and abs(lead) <= _FURTHEST:
            votes[quarters] += 1
    return votes
