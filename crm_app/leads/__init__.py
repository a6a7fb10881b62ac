"""Leads: possible sales and the pipeline they move along."""

from crm_app.leads import stage_views
from crm_app.leads.views import bp

__all__ = ["bp", "stage_views"]
