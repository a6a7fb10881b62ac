"""When the office is open."""

from crm_app.office.views import bp

__all__ = ["bp"]
