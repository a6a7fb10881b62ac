"""The notices of one's own account: drawn in every page's head until they are read."""

from flask import url_for
from flask_login import current_user

from crm_app.accounts import notices, wording
from crm_app.accounts.current import me
from crm_app.accounts.views import Answer, bp
from crm_app.extensions import db
from crm_app.web import back
from crm_app.web.fragments import see_other


@bp.app_template_global()
def unread_notices() -> list[tuple[str, object]]:
    """Give the sentences that a page's head shows, each with its entry of the journal."""
    return [(wording.notice(entry), entry) for entry in notices.unread(current_user)]


@bp.post("/account/notices/read")
def read_notices() -> Answer:
    """Note that the user has read what was done to their account."""
    notices.dismiss(me())
    db.session.commit()
    return see_other(back.here(url_for("accounts.profile")))
