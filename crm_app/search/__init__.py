"""Finding people, companies and leads from the top of every page."""

from crm_app.search.views import bp

__all__ = ["bp"]
