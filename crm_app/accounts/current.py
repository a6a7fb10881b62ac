"""The signed-in user as the plain row, for services, which know nothing of requests."""

from typing import cast

from flask_login import current_user

from crm_app.accounts.models import User


def me() -> User:
    """Give the row behind `current_user`, which is only a stand-in that the database refuses."""
    return cast(User, current_user._get_current_object())
