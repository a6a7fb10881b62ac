"""The start page."""

from crm_app.home.views import bp

__all__ = ["bp"]
