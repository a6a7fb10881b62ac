"""Users, their roles, sign-in and invitations."""

from crm_app.accounts.pages import bp
from crm_app.accounts.people import views as people_views
from crm_app.accounts.presence import views as presence_views
from crm_app.accounts.profile import views as profile_views
from crm_app.accounts.second_factor import passkey_views, step_views
from crm_app.accounts.second_factor import views as factor_views
from crm_app.accounts.security_log import views as security_log_views
from crm_app.accounts.sign_in import link_views, proof_views, session_views

__all__ = [
    "bp",
    "factor_views",
    "link_views",
    "passkey_views",
    "people_views",
    "presence_views",
    "profile_views",
    "proof_views",
    "security_log_views",
    "session_views",
    "step_views",
]
