"""Users, their roles, sign-in and invitations."""

from crm_app.accounts import (
    here_views,
    link_views,
    notice_views,
    profile_views,
    proof_views,
    security_views,
    session_views,
)
from crm_app.accounts.views import bp

__all__ = [
    "bp",
    "here_views",
    "link_views",
    "notice_views",
    "profile_views",
    "proof_views",
    "security_views",
    "session_views",
]
