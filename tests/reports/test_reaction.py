"""How soon clients were talked with after a missed call, as a report says it."""

from datetime import timedelta

import pytest

from crm_app.calls.narrowing import DAY, LATER
from crm_app.reports.counting import OFFICE, Count, Kind
from crm_app.reports.figures import reaction
from crm_app.reports.services import Sums


@pytest.mark.parametrize("took", [timedelta(days=14, hours=5, minutes=40), timedelta(seconds=95)])
def test_the_median_is_never_longer_than_the_longest(took: timedelta) -> None:
    seconds, sums = int(took.total_seconds()), Sums()
    rounded = seconds + 600
    sums.add(Kind.REACHED, OFFICE, f"{LATER if took.days else DAY}:{rounded}", Count(missed=1))
    sums.add(Kind.WORST, OFFICE, f"{seconds:09}:7", Count())
    found = reaction(sums, OFFICE)
    assert (found.median, found.worst, found.worst_call) == (seconds, seconds, 7)
