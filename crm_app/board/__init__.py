"""The live board: who talks with whom, who is free, who waits; for colleagues and the office TV."""

from crm_app.board import wall_views
from crm_app.board.views import bp

__all__ = ["bp", "wall_views"]
