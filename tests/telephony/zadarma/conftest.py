"""The client is tried on the simulator; it and the office it calls are those of its own tests."""

from tests.simulator.conftest import client, office, pbx

__all__ = ["client", "office", "pbx"]
