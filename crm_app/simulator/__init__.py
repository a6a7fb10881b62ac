"""A server on this machine that is Zadarma for us: its API, its notifications, its phones."""

from crm_app.simulator.office import Simulator

__all__ = ["Simulator"]
