"""The addresses of the very calls that a number of a report counts, and numbers with them."""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from urllib.parse import urlencode

from flask import url_for
from markupsafe import Markup, escape

from crm_app.calls.fold.facts import Direction
from crm_app.calls.listing import CallFilter
from crm_app.calls.narrowing import MISSED, PLACED, TALKED
from crm_app.reports.counting import OFFICE
from crm_app.reports.figures import Share
from crm_app.reports.wording import percent

# By measure: which calls it counts.
MEASURES = {
    "incoming": CallFilter(direction=Direction.INBOUND),
    "answered": CallFilter(direction=Direction.INBOUND, part=TALKED),
    "missed": CallFilter(part=MISSED),
    "outgoing": CallFilter(part=PLACED),
    "reached": CallFilter(direction=Direction.OUTBOUND, part=TALKED),
    "internal": CallFilter(direction=Direction.INTERNAL),
}
_NONE = Markup('<span class="text-secondary tabular">0</span>')


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

    # No macros of a template, which take several times longer: a report has a thousand of these.
    def number(self, value: int, measure: str = "", **narrowed: str) -> Markup:
        """Write a number that leads to its calls."""
        if not value:
            return _NONE
        url = escape(self.calls(measure, **narrowed))
        return Markup(f'<a class="tabular" href="{url}">{value}</a>')  # noqa: S704

    def share(self, share: Share, measure: str, **narrowed: str) -> Markup:
        """Write a share that leads to the calls of its part."""
        words = escape(percent(share.fraction))
        if not share.part:
            return Markup(f'<span class="text-secondary tabular">{words}</span>')  # noqa: S704
        url, title = escape(self.calls(measure, **narrowed)), f"{share.part} / {share.whole}"
        return Markup(  # noqa: S704
            f'<a class="tabular" href="{url}" title="{title}">{words}</a>'
        )


# A report of a large office has a thousand of these addresses.
@lru_cache(maxsize=1_000)
def _written(measure: str, narrowed: tuple[tuple[str, str], ...]) -> str:
    args = replace(MEASURES.get(measure, CallFilter()), **dict(narrowed)).to_args()
    return f"{urlencode(args)}&" if args else ""
