"""Users, their roles, sign-in and invitations."""

from crm_app.accounts import (
    factor_views,
    here_views,
    link_views,
    notice_views,
    passkey_views,
    profile_views,
    proof_views,
    second_step_views,
    security_views,
    session_views,
)
from crm_app.accounts.views import bp

__all__ = [
    "bp",
    "factor_views",
    "here_views",
    "link_views",
    "notice_views",
    "passkey_views",
    "profile_views",
    "proof_views",
    "second_step_views",
    "security_views",
    "session_views",
]
