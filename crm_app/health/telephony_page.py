"""The page on which managers see how the telephony does, and what is about to go wrong."""

from flask import Blueprint, current_app, render_template

from crm_app.extensions import db
from crm_app.health import services
from crm_app.jobs import services as jobs
from crm_app.jobs.views import MOST_SHOWN
from crm_app.telephony.journal import wording as journal_words
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.reconciliation.views import offset_name
from crm_app.telephony.setup import asking, figures, health_checks, warnings
from crm_app.telephony.setup import wording as health_words
from crm_app.web.access import background, manager_only

bp = Blueprint("telephony_health", __name__, url_prefix="/telephony/health")


@bp.get("")
@manager_only
def index() -> str:
    """Show what was heard of the PBX last, what is owed, and what will be short soon."""
    config, counter = current_app.extensions["settings"], current_app.extensions["counter"]
    link = asking.current_link()
    checks = health_checks.run(TelephonySettings.current(), link, config, health_checks.arrivals())
    found = figures.gather(link, config, counter)
    spool = services.look_at(current_app.extensions["webhook_receiver"].spool)
    parts = services.check_all()
    return render_template(
        "telephony/health.html",
        figures=found,
        reports=[health_words.report(check) for check in checks if check.name != "stream"],
        settings=TelephonySettings.current(),
        offset_name=offset_name,
        kinds=journal_words.KINDS,
        parts=parts,
        spool=spool,
        warnings=[health_words.warning_sentence(one) for one in warnings.read(link.warnings)],
        owed=jobs.owed(),
        failed=jobs.failed(MOST_SHOWN),
    )


@bp.get("/warnings")
@background
@manager_only
def banner() -> str:
    """Draw what managers must hear of, as it stands on each page."""
    db.session.rollback()
    return render_template("telephony/setup/_warnings.html")
