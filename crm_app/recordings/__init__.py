"""Recordings of calls: fetched, kept, played, and deleted when their time is over."""

# The pages about all of them hang their views on the blueprint of the players.
from crm_app.recordings import office_views
from crm_app.recordings.views import bp

__all__ = ["bp", "office_views"]
