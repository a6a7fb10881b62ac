"""What all account pages share: the blueprint, and fetching a user as an administrator."""

from flask import Blueprint, abort
from flask_login import current_user

from crm_app.accounts import rights, services
from crm_app.accounts.models import User
from crm_app.accounts.rights import OwnedByColumns
from crm_app.extensions import db

bp = Blueprint("accounts", __name__)


@bp.app_template_global()
def may_open(record: OwnedByColumns) -> bool:
    """Whether a contact or lead is a link for the reader of a page, or only a name."""
    return rights.may_open(current_user, record)


@bp.app_template_global()
def free_extensions() -> list[str]:
    """List the extensions of the PBX that can still be given to somebody, for templates."""
    return services.free_extensions()


def user_or_404(user_id: int) -> User:
    """Fetch a user for somebody who may change users; 403 to all others, 404 when unknown."""
    if not current_user.is_admin:
        abort(403)
    return db.get_or_404(User, user_id)
