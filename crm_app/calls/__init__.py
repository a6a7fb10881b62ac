"""The call log: facts, the fold over them, recordings, pop-ups."""

# The cards and the outcomes hang their views on the blueprint of the log.
from crm_app.calls.popups import views as popup_views
from crm_app.calls.taking import views as taking_views
from crm_app.calls.views import bp
from crm_app.calls.wrapup import views as wrapup_views
from crm_app.calls.wrapup import write_up_views

__all__ = ["bp", "popup_views", "taking_views", "wrapup_views", "write_up_views"]
