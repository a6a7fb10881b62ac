"""Call lists: a filter of contacts or leads, called one by one by one or several people."""

from crm_app.call_lists.views import bp

__all__ = ["bp"]
