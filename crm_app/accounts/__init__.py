"""Users, their roles, sign-in and invitations."""

from crm_app.accounts.views import bp

__all__ = ["bp"]
