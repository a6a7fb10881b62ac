"""Reports over the call log: who talks how much, when clients call, why calls are missed."""

from crm_app.reports.views import bp

__all__ = ["bp"]
