"""The journal of notifications for managers, and the replay of one."""

from flask import Blueprint, abort, current_app, render_template, request

from crm_app.accounts.current import me
from crm_app.calls import wording as call_words
from crm_app.calls.models import Call, CallFact
from crm_app.extensions import db
from crm_app.local_time import LocalTime
from crm_app.telephony.journal import listing, wording
from crm_app.telephony.journal.replay import replay as replay_fact
from crm_app.telephony.models import TelephonySettings
from crm_app.web.access import manager_only
from crm_app.web.display.formatting import choose_timezone
from crm_app.web.fragments import Answer, page_or_fragment

bp = Blueprint("telephony_journal", __name__, url_prefix="/telephony/journal")


@bp.get("")
@manager_only
def index() -> Answer:
    """List the facts that match the filter in the address."""
    wanted = listing.FactFilter.from_args(request.args)
    local = LocalTime.of(choose_timezone())
    country = current_app.config["DEFAULT_COUNTRY"]
    cursor = request.args.get("cursor", "")
    return page_or_fragment(
        "telephony/journal/index.html",
        "telephony/journal/_list.html",
        page=listing.list_facts(me(), wanted, local, country, cursor),
        wanted=wanted,
        kinds=wording.KINDS,
    )


@bp.get("/<int:fact_id>")
@manager_only
def show(fact_id: int) -> Answer:
    """Show one fact as it was posted, without its secrets."""
    return _page(_fact(fact_id))


@bp.post("/<int:fact_id>/replay")
@manager_only
def replay(fact_id: int) -> Answer:
    """Show what would follow if it came today; nothing is stored."""
    fact = _fact(fact_id)
    switches = TelephonySettings.current().switches
    config = current_app.config
    result = replay_fact(fact, config["DEFAULT_COUNTRY"], config["DEFAULT_TIMEZONE"], switches)
    return _page(_fact(fact_id), result=result)


def _fact(fact_id: int) -> CallFact:
    return db.session.get(CallFact, fact_id) or abort(404)


def _page(fact: CallFact, **more: object) -> str:
    call = db.session.scalars(db.select(Call).where(Call.pbx_call_id == fact.pbx_call_id)).first()
    return render_template(
        "telephony/journal/show.html",
        fact=fact,
        fields=listing.shown_fields(fact.raw),
        call=call,
        kinds=wording.KINDS,
        follows=wording.FOLLOWS,
        call_words=call_words,
        **more,
    )
