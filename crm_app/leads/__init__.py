"""Leads: possible sales and the pipeline they move along."""

from crm_app.leads import edit_views, stage_views
from crm_app.leads.views import bp

__all__ = ["bp", "edit_views", "stage_views"]
