"""Going away and coming back: one's own presence, and that of others for managers."""

from flask import render_template, url_for
from flask_babel import gettext as _
from flask_login import current_user

from crm_app.accounts.current import me
from crm_app.accounts.models import User
from crm_app.accounts.pages import bp
from crm_app.accounts.presence import services, wording
from crm_app.accounts.presence.forms import AwayForm
from crm_app.accounts.presence.services import Presence
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.web import return_to
from crm_app.web.access import manager_only
from crm_app.web.fragments import Answer, see_other
from crm_app.web.toasts import toast


@bp.app_template_global()
def presence_of(user: User) -> Presence:
    """Return whether a user is here now, for templates."""
    return services.state_of(user)


bp.app_template_global("is_away_now")(services.is_away_now)
bp.app_template_global("presence_words")(wording.presence_words)
bp.app_template_global("away_form_of")(AwayForm.of)


@bp.route("/account/away", methods=["GET", "POST"])
def away() -> Answer:
    """Say that one is away: at once by one click, or until a moment with a deputy."""
    form, user = AwayForm.of(me()), me()
    if not form.is_submitted():
        return _own_page(form)
    if not _is_done(form, user):
        return _own_page(form), 422
    db.session.commit()
    toast(_("You are away. %(what)s", what=wording.consequence(services.state_of(user))))
    return see_other(_back_to())


@bp.post("/account/back")
def back() -> Answer:
    """Say that one is here again."""
    services.come_back(me(), me())
    db.session.commit()
    toast(_("You are here again."))
    return see_other(_back_to())


@bp.get("/people/<int:user_id>/card")
@manager_only
def card(user_id: int) -> Answer:
    """Show a colleague to managers: who they are and whether they are here."""
    user = db.get_or_404(User, user_id)
    return render_template("accounts/card.html", user=user, away_form=AwayForm.of(user))


@bp.post("/people/<int:user_id>/away")
@manager_only
def send_away(user_id: int) -> Answer:
    """Note for a colleague that they are away, until when and with which deputy."""
    user = db.get_or_404(User, user_id)
    form = AwayForm.of(user)
    if not _is_done(form, user):
        return render_template("accounts/card.html", user=user, away_form=form), 422
    db.session.commit()
    what = wording.consequence(services.state_of(user))
    toast(_("%(name)s is away. %(what)s", name=user.name, what=what))
    return see_other(_page_of(user))


@bp.post("/people/<int:user_id>/back")
@manager_only
def call_back_in(user_id: int) -> Answer:
    """Note for a colleague that they are here again."""
    user = db.get_or_404(User, user_id)
    services.come_back(user, me())
    db.session.commit()
    toast(_("%(name)s is here again.", name=user.name))
    return see_other(_page_of(user))


def _is_done(form: AwayForm, user: User) -> bool:
    if not form.validate():
        return False
    try:
        services.go_away(user, me(), form.until, form.deputy_id)
    except InvalidInputError as error:
        db.session.rollback()
        field = form.deputy if error.field == "deputy" else form.until_on
        field.errors = [wording.refusal(error)]
        return False
    return True


def _own_page(form: AwayForm) -> str:
    return render_template("accounts/away.html", away_form=form)


def _page_of(user: User) -> str:
    endpoint = "accounts.edit" if current_user.is_admin else "accounts.card"
    return url_for(endpoint, user_id=user.id)


def _back_to() -> str:
    page = return_to.here(url_for("home.index"))
    return url_for("home.index") if page.partition("?")[0] == url_for("accounts.away") else page
