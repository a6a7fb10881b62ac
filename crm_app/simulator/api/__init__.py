"""Zadarma's API over a played account; each module has the methods of one family."""

from crm_app.simulator.api.server import Api

__all__ = ["Api"]
