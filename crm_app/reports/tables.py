"""The tables of a report as rows of cells, for spreadsheets; times are in seconds."""

from collections.abc import Callable, Iterable

from flask_babel import gettext as _

from crm_app.reports import figures, wording
from crm_app.reports.counting import OFFICE
from crm_app.reports.figures import Line
from crm_app.reports.periods import Period
from crm_app.reports.services import Numbers
from crm_app.reports.spreadsheet import table_text
from crm_app.reports.wording import MEASURES
from crm_app.talks.services import Count
from crm_app.web.display.formatting import phone

Table = list[list[object]]
People = Iterable[tuple[int, str]]

__all__ = ["TABLES", "by_hand", "table_text"]


def _colleagues(numbers: Numbers, whose: int, people: People, _period: Period) -> Table:
    heads: list[object] = [
        _("Colleague"), MEASURES["incoming"], MEASURES["answered"], MEASURES["missed"],
        _("Share answered"), MEASURES["outgoing"], _("Reached"), _("Talk time (s)"),
        _("Mean talk (s)"),
        _("Reaction: median (s)"), _("Reaction: worst (s)"),
        *(str(words) for words in wording.SOON.values()),
    ]  # fmt: skip
    shown = people if whose == OFFICE else [one for one in people if one[0] == whose]
    lines = figures.colleagues(numbers, shown)
    if whose == OFFICE:
        lines.append(figures.of_one(numbers, whose, _("The office")))
    return [heads, *(_line(line) for line in lines)]


def _line(line: Line) -> list[object]:
    count, reaction = line.count, line.reaction
    cells: list[object] = [
        line.name, count.incoming, count.answered, count.missed, line.answered.fraction,
        count.outgoing, count.reached, count.seconds, line.mean,
    ]  # fmt: skip
    if reaction is not None:
        cells += [reaction.median, reaction.worst]
        cells += [reaction.within[when].fraction for when in wording.SOON]
    return cells


def _days(numbers: Numbers, _whose: int, _people: People, period: Period) -> Table:
    heads: list[object] = [
        _("From"), _("To"), MEASURES["answered"], MEASURES["missed"], MEASURES["outgoing"],
    ]  # fmt: skip
    bars = figures.bars(numbers, period)
    return [
        heads,
        *(
            [bar.since, bar.until, bar.count.answered, bar.count.missed, bar.count.outgoing]
            for bar in bars
        ),
    ]


def _hours(numbers: Numbers, whose: int, _people: People, _period: Period) -> Table:
    heads: list[object] = [_("Hour"), _("Calls"), *wording.weekdays()]
    rows: Table = [heads]
    for measure, words in MEASURES.items():
        hours, cells, _most = figures.heat(numbers, whose, measure)
        rows += [[f"{hour:02}:00", str(words), *cells[hour]] for hour in hours]
    return rows


def _lines(numbers: Numbers, whose: int, _people: People, _period: Period) -> Table:
    heads: list[object] = [
        _("Line"), MEASURES["incoming"], MEASURES["answered"], MEASURES["missed"],
        MEASURES["outgoing"], _("Talk time (s)"),
    ]  # fmt: skip
    rows: Table = [heads]
    for line in figures.lines(numbers, whose):
        count = line.count
        rows.append(
            [phone(line.key) or "–", count.incoming, count.answered, count.missed,
             count.outgoing, count.seconds]
        )  # fmt: skip
    return rows


def _reasons(numbers: Numbers, whose: int, _people: People, _period: Period) -> Table:
    rows: Table = [[_("Why missed"), _("Calls")]]
    for code, count, parts in figures.reasons(numbers, whose):
        rows.append([wording.reason(code), count.missed])
        rows += [[f"  {wording.reason(key)}", part.missed] for key, part in parts]
    return rows


def by_hand(counts: Iterable[tuple[str, Count]]) -> Table:
    """Make the table of the talks that no PBX saw, by who talked; they are no calls."""
    heads: list[object] = [_("Colleague"), _("Talks"), _("Minutes")]
    return [heads, *([name, count.talks, count.minutes] for name, count in counts)]


TABLES: dict[str, Callable[[Numbers, int, People, Period], Table]] = {
    "colleagues": _colleagues,
    "days": _days,
    "hours": _hours,
    "lines": _lines,
    "reasons": _reasons,
}
