"""Pages about all recordings: which there are, who listened, and the rules for both."""

from typing import Any

from flask import render_template, request, url_for
from flask_babel import gettext as _

from crm_app.accounts.colleagues import colleagues
from crm_app.accounts.current import me
from crm_app.accounts.models import OfficeSettings, Reach, User
from crm_app.accounts.services import change_hearing
from crm_app.accounts.sign_in.proof import fresh_sign_in_required
from crm_app.calls import listing as calls
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.local_time import LocalTime
from crm_app.recordings import deleting, listing, wording
from crm_app.recordings.listing import HELD, ListeningFilter, RecordingFilter
from crm_app.recordings.models import State
from crm_app.recordings.views import bp
from crm_app.web.access import admin_only, manager_only
from crm_app.web.display.formatting import choose_timezone, phone
from crm_app.web.fragments import Answer, page_or_fragment, see_other
from crm_app.web.toasts import toast

ROLES = ("agents", "managers", "admins")


@bp.get("/recordings")
@manager_only
def index() -> Answer:
    """List the recordings, with why some are not here and the receipts of those deleted."""
    filters, local = RecordingFilter.from_args(request.args), LocalTime.of(choose_timezone())
    states = [(state.value, str(wording.STATES[state][0])) for state in State]
    return page_or_fragment(
        "recordings/index.html",
        "recordings/_list.html",
        page=listing.list_recordings(me(), filters, local, request.args.get("cursor", "")),
        filters=filters,
        states=[*states, (HELD, _("Kept"))],
        lines=[(line, phone(line)) for line in calls.lines()],
        words=wording,
    )


@bp.get("/recordings/listening")
@manager_only
def listening_journal() -> Answer:
    """List who listened to which call, and who took a file."""
    filters, local = ListeningFilter.from_args(request.args), LocalTime.of(choose_timezone())
    return page_or_fragment(
        "recordings/listening.html",
        "recordings/_listening_list.html",
        page=listing.list_listening(me(), filters, local, request.args.get("cursor", "")),
        filters=filters,
        people=[(str(user.id), user.name) for user in colleagues()],
        kinds=[(kind, str(words)) for kind, words in wording.KINDS.items()],
    )


@bp.get("/recordings/settings")
@admin_only
def settings() -> Answer:
    """Show who may hear which calls, and how long each line keeps its recordings."""
    return _settings_page()


@bp.post("/recordings/settings")
@admin_only
@fresh_sign_in_required
def change_settings() -> Answer:
    """Change who may hear which calls, the teams, and how long lines keep their recordings."""
    try:
        change_hearing({role: request.form.get(role, "") for role in ROLES}, _typed("team-"), me())
        for line, typed in _typed("days-").items():
            deleting.keep_line(line, _days(typed, f"days-{line}"))
    except InvalidInputError as error:
        db.session.rollback()
        return _settings_page(error), 422
    db.session.commit()
    toast(_("The rules for recordings were saved."))
    return see_other(url_for("recordings.settings"))


def _typed(prefix: str) -> dict[str, str]:
    fields = request.form.items()
    return {k.removeprefix(prefix): v.strip() for k, v in fields if k.startswith(prefix)}


def _days(typed: str, field: str) -> int | None:
    if not typed:
        return None
    if not typed.isdecimal() or len(typed) > 5:
        raise InvalidInputError("days_impossible", field)
    return int(typed)


def _settings_page(error: InvalidInputError | None = None) -> str:
    office, kept = OfficeSettings.current(), deleting.kept_by_line()
    hears: dict[str, Any] = {role: getattr(office, f"{role}_hear") for role in ROLES}
    if request.method == "POST":
        hears = {role: request.form.get(role, "") for role in ROLES}
    typed, teams = _typed("days-"), _typed("team-")
    users = db.session.scalars(User.enabled()).all()
    lines = sorted({*calls.lines(), *kept})
    return render_template(
        "recordings/settings.html",
        hears=hears,
        role_words={
            "agents": _("Agents"),
            "managers": _("Managers"),
            "admins": _("Administrators"),
        },
        reaches=[(reach.value, str(wording.REACHES[reach])) for reach in Reach],
        users=users,
        teams={user.id: teams.get(str(user.id), user.team) for user in users},
        lines={line: typed.get(line, kept.get(line, "")) for line in lines},
        most_days=deleting.MOST_DAYS,
        refused=error,
    )
