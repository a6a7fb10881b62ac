"""The pages of reports."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask_babel import get_locale
from flask_babel import gettext as _

from crm_app.accounts import rights
from crm_app.accounts.colleagues import colleagues
from crm_app.accounts.current import me
from crm_app.accounts.models import User
from crm_app.accounts.rights import Reach, Verb
from crm_app.calls.listing import NO_LINE
from crm_app.calls.narrowing import office_hours
from crm_app.local_time import LAST_DAY, LocalTime
from crm_app.office.hours import OpeningHours
from crm_app.reports import charts, figures, periods, services, tables, wording
from crm_app.reports.counting import OFFICE
from crm_app.reports.links import Links
from crm_app.reports.periods import Period
from crm_app.reports.services import Numbers
from crm_app.talks import services as talks
from crm_app.web.display.formatting import url_with
from crm_app.web.ids import read_id

bp = Blueprint("reports", __name__, url_prefix="/reports")
# The one table that does not count calls.
_BY_HAND = "by-hand"


# Without slots, for the property that is looked up for each number of a page.
@dataclass(frozen=True)
class _Asked:
    """What an address asks for, as far as the reader may see it."""

    period: Period
    whose: int
    people: list[tuple[int, str]]
    hours: OpeningHours
    measure: str

    @cached_property
    def links(self) -> Links:
        """The addresses of the calls that are counted."""
        return Links(self.period.since.isoformat(), self.period.until.isoformat(), self.whose)

    def args(self) -> dict[str, str]:
        """Return the arguments by which the same days and colleague are asked for."""
        days = {"since": self.period.since.isoformat(), "until": self.period.until.isoformat()}
        return days | ({"user": str(self.whose)} if self.whose != OFFICE else {})

    def numbers(self) -> Numbers:
        """Read the counts."""
        others = [user_id for user_id, _name in self.people] if self.whose == OFFICE else []
        return services.read(self.period, self.whose, others, self.hours)


@bp.get("/calls")
def calls() -> str:
    """Show how the calls of a period went, for the office or one colleague."""
    asked = _asked(me())
    periods_to_choose = [
        (name, words, url_with(period=name, since="", until=""))
        for name, words in wording.PERIODS.items()
    ]
    return render_template(
        "reports/calls.html",
        asked=asked,
        asked_args=asked.args(),
        before=asked.period.before(),
        periods=periods_to_choose,
        by_hand=_by_hand(asked),
        of_colleague=_before_a_colleague(),
        **_figures(asked, asked.numbers()),
        **_words(),
    )


def _before_a_colleague() -> str:
    """Return this page's address up to the id of the colleague to ask for."""
    page = url_with(user="")
    return f"{page}{'&' if '?' in page else '?'}user="


def _by_hand(asked: _Asked) -> list[tuple[str, talks.Count]]:
    """Count the talks of the period that no PBX saw, by who talked; they are no calls."""
    local = LocalTime.of(asked.hours.zone.key)
    until = local.midnight(
        min(asked.period.until, LAST_DAY - timedelta(days=1)) + timedelta(days=1)
    )
    found = talks.counts(local.midnight(asked.period.since), until)
    shown = [(key, name) for key, name in asked.people if asked.whose in (OFFICE, key)]
    return [(name, found[key]) for key, name in shown if key in found]


def _figures(asked: _Asked, numbers: Numbers) -> dict[str, Any]:
    name = dict(asked.people).get(asked.whose, _("The office"))
    whole = figures.of_one(numbers, asked.whose, name)
    hours, cells, most = figures.heat(numbers, asked.whose, asked.measure)
    bars = figures.bars(numbers, asked.period)
    is_office = asked.whose == OFFICE
    return {
        "numbers": numbers,
        "whole": whole,
        "people": figures.colleagues(numbers, asked.people) if is_office else [whole],
        "heat": {"hours": hours, "cells": cells, "most": most},
        "bars": bars,
        "chart": charts.chart(bars),
        "lines": figures.lines(numbers, asked.whose),
        "reasons": figures.reasons(numbers, asked.whose),
    }


@bp.get("/calls.csv")
def calls_csv() -> Response:
    """Give one table of the report as a file for spreadsheets."""
    asked = _asked(me())
    name = request.args.get("table", "")
    name = name if name in (*tables.TABLES, _BY_HAND) else next(iter(tables.TABLES))
    if name == _BY_HAND:
        rows = tables.by_hand(_by_hand(asked))
    else:
        rows = tables.TABLES[name](asked.numbers(), asked.whose, asked.people, asked.period)
    text = tables.table_text(rows, has_decimal_comma=get_locale().language == "pt")
    answer = Response(text, mimetype="text/csv")
    days = f"{asked.period.since}_{asked.period.until}"
    answer.headers["Content-Disposition"] = f'attachment; filename="calls-{name}-{days}.csv"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _asked(user: User) -> _Asked:
    hours = office_hours()
    today = LocalTime.of(hours.zone.key).today
    args = request.args
    since, until = args.get("since", ""), args.get("until", "")
    period = periods.asked_for(args.get("period", ""), since, until, today)
    measure = args.get("show", "")
    measure = measure if measure in wording.MEASURES else next(iter(wording.MEASURES))
    if rights.reach(user, Verb.REPORT) is not Reach.ALL:
        return _Asked(period, user.id, [(user.id, user.name)], hours, measure)
    people = [(person.id, person.name) for person in colleagues()]
    whose = read_id(args.get("user", "")) or OFFICE
    whose = whose if whose in dict(people) else OFFICE
    return _Asked(period, whose, people, hours, measure)


def _words() -> dict[str, Any]:
    return {
        "long_span": wording.long_span,
        "percent": wording.percent,
        "change": wording.change,
        "reason_words": wording.reason,
        "label": wording.label,
        "span": wording.span,
        "weekdays": wording.weekdays(),
        "measures": wording.MEASURES,
        "soon": wording.SOON,
        "step": figures.step,
        "no_line": NO_LINE,
    }
