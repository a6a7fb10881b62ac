"""Tasks: what somebody must do, by when, for whom."""

from crm_app.tasks import box_views, edit_views
from crm_app.tasks.views import bp

__all__ = ["box_views", "bp", "edit_views"]
