"""Late work: rows of what is owed, and the runner that performs each of them once."""

from crm_app.jobs.views import bp

__all__ = ["bp"]
