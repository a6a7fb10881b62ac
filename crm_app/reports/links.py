"""The addresses of the very calls that a number of a report counts."""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from urllib.parse import urlencode

from flask import url_for

from crm_app.calls.fold.facts import Direction
from crm_app.calls.listing import CallFilter
from crm_app.calls.narrowing import MISSED, PLACED, TALKED
from crm_app.reports.counting import OFFICE

# By measure: which calls it counts.
MEASURES = {
    "incoming": CallFilter(direction=Direction.INBOUND),
    "answered": CallFilter(direction=Direction.INBOUND, part=TALKED),
    "missed": CallFilter(part=MISSED),
    "outgoing": CallFilter(part=PLACED),
    "reached": CallFilter(direction=Direction.OUTBOUND, part=TALKED),
    "internal": CallFilter(direction=Direction.INTERNAL),
}


@dataclass(frozen=True, slots=True)
class Links:
    """Writes addresses of calls within one period, for the office or one colleague."""

    since: str
    until: str
    whose: int = OFFICE
    page: str = field(default_factory=lambda: url_for("calls.index"))

    def of(self, whose: int) -> "Links":
        """Return the same for somebody else."""
        return replace(self, whose=whose)

    def on(self, since: str, until: str) -> "Links":
        """Return the same for other days."""
        return replace(self, since=since, until=until)

    def calls(self, measure: str = "", **narrowed: str) -> str:
        """Return where the calls of a measure are listed, narrowed by further fields."""
        wanted = _written(measure, tuple(narrowed.items()))
        if self.whose != OFFICE:
            wanted += f"user={self.whose}&"
        return f"{self.page}?{wanted}clock=office&since={self.since}&until={self.until}"


# A report of a large office has a thousand of these addresses.
@lru_cache(maxsize=1_000)
def _written(measure: str, narrowed: tuple[tuple[str, str], ...]) -> str:
    args = replace(MEASURES.get(measure, CallFilter()), **dict(narrowed)).to_args()
    return f"{urlencode(args)}&" if args else ""
