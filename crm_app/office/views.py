"""The page on which administrators say when the office is open."""

from flask import Blueprint, current_app, render_template, url_for
from flask_babel import gettext as _

from crm_app.accounts.current import me
from crm_app.config import Config
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.office import services
from crm_app.office.forms import HoursForm, hours_sentence
from crm_app.office.models import DAYS
from crm_app.web.access import admin_only
from crm_app.web.fragments import Answer, see_other
from crm_app.web.toasts import toast

bp = Blueprint("office", __name__, url_prefix="/office")


@bp.route("/hours", methods=["GET", "POST"])
@admin_only
def hours() -> Answer:
    """Show the opening hours; a post changes them."""
    form = HoursForm(data=services.hours_as_texts())
    if not form.validate_on_submit():
        return _page(form)
    try:
        services.change_hours(form.data, me())
    except InvalidInputError as error:
        form[error.field].errors = [hours_sentence(error)]
        return _page(form)
    db.session.commit()
    toast(_("The opening hours were saved."))
    return see_other(url_for("office.hours"))


def _page(form: HoursForm) -> Answer:
    config: Config = current_app.extensions["settings"]
    page = render_template("office/hours.html", form=form, days=DAYS, zone=config.default_timezone)
    return page, 422 if form.is_submitted() else 200
