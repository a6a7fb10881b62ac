"""The page of the numbers that never become clients."""

from flask import Blueprint, current_app, render_template, url_for
from flask_babel import gettext as _

from crm_app.accounts.current import me
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.telephony.new_clients import ignore_list
from crm_app.telephony.new_clients.forms import IgnoredNumberForm, refusal
from crm_app.telephony.new_clients.models import IgnoredNumber
from crm_app.web.access import admin_only
from crm_app.web.fragments import Answer, see_other
from crm_app.web.toasts import toast

bp = Blueprint("new_clients", __name__, url_prefix="/telephony")


@bp.route("/ignored-numbers", methods=["GET", "POST"])
@admin_only
def ignored() -> Answer:
    """List the numbers to ignore; a post adds one."""
    form = IgnoredNumberForm()
    if not form.validate_on_submit():
        return _page(form)
    country = current_app.config["DEFAULT_COUNTRY"]
    try:
        ignore_list.add(form.number.data, form.reason.data, country, me())
    except InvalidInputError as error:
        db.session.rollback()
        form[error.field].errors = [refusal(error)]
        return _page(form)
    db.session.commit()
    toast(_("The number is ignored."))
    return see_other(url_for("new_clients.ignored"))


@bp.post("/ignored-numbers/<int:number_id>/remove")
@admin_only
def heed(number_id: int) -> Answer:
    """Take a number off the list."""
    row = db.session.get(IgnoredNumber, number_id)
    # Somebody else may have been quicker, which is what was wanted.
    if row is not None:
        ignore_list.remove(row, me())
        db.session.commit()
        toast(_("The number is not ignored any more."))
    return see_other(url_for("new_clients.ignored"))


def _page(form: IgnoredNumberForm) -> Answer:
    page = render_template(
        "telephony/new_clients/ignored.html", form=form, numbers=ignore_list.everything()
    )
    return page, 422 if form.is_submitted() else 200
