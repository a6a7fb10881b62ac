"""The call log: facts, the fold over them, recordings, pop-ups."""

# The cards and the outcomes hang their views on the blueprint of the log.
from crm_app.calls import outcome_views, popup_views
from crm_app.calls.views import bp

__all__ = ["bp", "outcome_views", "popup_views"]
