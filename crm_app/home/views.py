"""The start page."""

from typing import Any

from flask import Blueprint, render_template, request
from flask_babel import format_date

from crm_app.accounts.current import me
from crm_app.calls.missed_clients import missed_clients
from crm_app.calls.wrapup import outcomes, waiting
from crm_app.home import today
from crm_app.home.call_backs import call_backs
from crm_app.local_time import LocalTime
from crm_app.web.display.formatting import choose_timezone
from crm_app.web.fragments import wants_fragment

bp = Blueprint("home", __name__)


@bp.get("/")
def index() -> str:
    """Show a user's day: tasks, leads, calls; in a new office, what comes first."""
    user, local = me(), LocalTime.of(choose_timezone())
    calls = _calls(local)
    if wants_fragment():
        return render_template("home/_calls.html", **calls)
    tasks, waits = today.tasks_due(user, local), waiting.waiting(user, None, today.SHOWN_WRITE_UPS)
    return render_template(
        "home/index.html",
        today_in_words=format_date(local.today, "full"),
        tasks=tasks[: today.SHOWN_TASKS],
        has_more_tasks=len(tasks) > today.SHOWN_TASKS,
        leads=today.open_leads(user),
        steps=today.steps(),
        waiting=waits,
        outcomes=outcomes.offered() if waits else [],
        **calls,
    )


def _calls(local: LocalTime) -> dict[str, Any]:
    """Return what the box of calls shows, the part of the page that follows what happens."""
    is_team = me().is_manager and "team" in request.args
    waits = call_backs(me(), local, is_team=is_team)
    shown: dict[str, Any] = {"is_team": is_team, "call_backs": waits, "calls": today.my_calls(me())}
    if waits is None:
        missed = missed_clients(me(), local.now, today.SHOWN_MISSED, of_everybody=is_team)
        shown["missed"] = missed
    return shown
