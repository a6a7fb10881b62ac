"""Pages over the comparison with the PBX: balance of days, loading of old calls, the banner."""

from datetime import date, datetime, timedelta
from typing import Any

from flask import Blueprint, abort, current_app, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from crm_app import clock
from crm_app.accounts.current import me
from crm_app.calls import wording as call_words
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.jobs import services as jobs
from crm_app.telephony import wording
from crm_app.telephony.connection import LinkCache
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.reconciliation import asking, balance, history
from crm_app.telephony.reconciliation.models import HistoryLoad, ReconciledDay
from crm_app.web.access import admin_only, background, manager_only
from crm_app.web.fragments import Answer, page_or_fragment, see_other
from crm_app.web.toasts import toast

bp = Blueprint("telephony_statistics", __name__, url_prefix="/telephony")
DAYS_SHOWN = 62
COMPARE_JOB = "reconcile_days"
MONTHS = (1, 3, 6, 12, 24, 36, 60)
_DONE = {
    "added": (_l("Added from the statistics"), "azure"),
    "completed": (_l("Completed from the statistics"), "azure"),
    "refused": (_l("Could not be stored"), "red"),
    "only_here": (_l("Only here: the PBX does not list it"), "red"),
}
_STATES = {
    history.RUNNING: _l("Old calls are being loaded"),
    history.STOPPED: _l("Stopped"),
    history.DONE: _l("All old calls are loaded"),
}
_CLOCK_WORDS = {
    "account": _l("The account says so."),
    "events": _l("The events of calls show it."),
    "rows": _l("The calls in the statistics show it."),
}


@bp.get("/balance")
@manager_only
def days() -> Answer:
    """Show for each day how many calls the PBX and the log have, and the calls that differ."""
    time = asking.time_of_account()
    typed = request.args.get("day", "")
    chosen = db.session.get(ReconciledDay, _day(typed)) if typed else None
    context: dict[str, Any] = {
        "days": balance.recent(DAYS_SHOWN),
        "chosen": chosen,
        "calls": balance.differences(chosen.day, time) if chosen is not None else [],
        "settings": TelephonySettings.current(),
        "time": time,
        "done": _DONE,
        "clock_words": _CLOCK_WORDS,
        "offset_name": offset_name,
        "directions": call_words.DIRECTIONS,
        "statuses": call_words.STATUSES,
    }
    return render_template("telephony/balance/index.html", **context)


@bp.post("/balance")
@manager_only
def compare() -> Response:
    """Compare yesterday and today with the PBX now."""
    today = asking.time_of_account().day(clock.now())
    wanted = [(today - timedelta(days=ago)).isoformat() for ago in (1, 0)]
    jobs.enqueue(db.session, COMPARE_JOB, {"wanted": wanted}, key=COMPARE_JOB)
    db.session.commit()
    toast(_("The statistics of the PBX are being read. It takes about a minute."))
    return see_other(url_for("telephony_statistics.days"))


@bp.get("/history")
@admin_only
def old_calls() -> Answer:
    """Show how far the loading of old calls is."""
    return _page()


@bp.post("/history")
@admin_only
def load() -> Answer:
    """Begin to load old calls, or go on."""
    try:
        history.start(request.form.get("months", type=int) or 0, me())
    except InvalidInputError as error:
        db.session.rollback()
        return _page(error), 422
    db.session.commit()
    return see_other(url_for("telephony_statistics.old_calls"))


@bp.post("/history/stop")
@admin_only
def stop() -> Response:
    """Stop loading; what is loaded stays, and it goes on from there."""
    history.stop()
    db.session.commit()
    return see_other(url_for("telephony_statistics.old_calls"))


@bp.get("/missing-events")
@background
def missing_events() -> str:
    """Draw the banner that says since when no event comes, or nothing."""
    # Who asks has just heard that it changed.
    _links().read()
    return render_template("telephony/_missing_events.html")


def events_missing_since() -> datetime | None:
    """Say since when calls come without events; None while they come with them."""
    return _links().current().events_lost_since


def _links() -> LinkCache:
    found: LinkCache = current_app.extensions["telephony_links"]
    return found


def offset_name(seconds: int) -> str:
    """Write an offset as people do: UTC, UTC+1, UTC-3:30."""
    if not seconds:
        return "UTC"
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return f"UTC{'+' if seconds > 0 else '-'}{hours}{f':{minutes:02}' if minutes else ''}"


def _page(error: InvalidInputError | None = None) -> str:
    found = HistoryLoad.current()
    context: dict[str, Any] = {
        "load": found,
        "error": error,
        "months": MONTHS,
        "states": _STATES,
        "days": list(reversed(history.days_of(found))) if found is not None else [],
        "share": _share(found),
        "api_sentence": wording.api_sentence,
        "settings": TelephonySettings.current(),
    }
    return page_or_fragment(
        "telephony/history/index.html", "telephony/history/_progress.html", **context
    )


def _share(load: HistoryLoad | None) -> int:
    """Say how many per cent of the time are loaded."""
    if load is None:
        return 0
    return round(100 * ((load.until - load.reached) / (load.until - load.since)))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        abort(404)
