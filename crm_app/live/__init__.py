"""Server-sent events: one stream per browser, channels, the only importer of flask_sse."""

from crm_app.live.views import bp, register

__all__ = ["bp", "register"]
