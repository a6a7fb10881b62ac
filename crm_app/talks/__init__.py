"""Talks that no PBX saw (on a mobile, at the client's), entered by hand and counted apart."""

from crm_app.talks.views import bp

__all__ = ["bp"]
