"""The start page."""

from flask import Blueprint, render_template
from flask_babel import format_date

from crm_app.accounts.current import me
from crm_app.home import today
from crm_app.local_time import LocalTime
from crm_app.web.display.formatting import choose_timezone

bp = Blueprint("home", __name__)


@bp.get("/")
def index() -> str:
    """Show what is on the user's desk: tasks, leads, calls; in a new office, what comes first."""
    user, local = me(), LocalTime.of(choose_timezone())
    tasks = today.tasks_due(user, local)
    return render_template(
        "home/index.html",
        today_in_words=format_date(local.today, "full"),
        tasks=tasks[: today.SHOWN_TASKS],
        has_more_tasks=len(tasks) > today.SHOWN_TASKS,
        leads=today.open_leads(user),
        missed=today.missed_calls(user, local),
        calls=today.my_calls(user),
        steps=today.steps(),
    )
