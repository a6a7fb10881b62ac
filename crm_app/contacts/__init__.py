"""People and companies, their phones; who a number belongs to."""

from crm_app.contacts import edit_views
from crm_app.contacts.views import bp

__all__ = ["bp", "edit_views"]
