"""The page of background jobs, also part of the pages of the telephony."""

from flask import Blueprint, abort, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from crm_app.extensions import db
from crm_app.jobs import services
from crm_app.web.access import manager_only
from crm_app.web.fragments import page_or_fragment, see_other
from crm_app.web.toasts import toast

bp = Blueprint("jobs", __name__, url_prefix="/jobs")
MOST_SHOWN = 20


@bp.get("")
@manager_only
def index() -> str:
    """Show open jobs, since when they are due, and failures."""
    return page_or_fragment(
        "jobs/index.html",
        "jobs/_owed.html",
        owed=services.owed(),
        failed=services.failed(MOST_SHOWN),
    )


@bp.post("/<int:job_id>/try-again")
@manager_only
def try_again(job_id: int) -> Response:
    """Try a failed job now instead of after its pause."""
    if not services.try_again(job_id):
        abort(404)
    db.session.commit()
    toast(_("It will be tried again within a second."))
    return see_other(url_for("jobs.index"))
