"""The sample office: people, clients, sales, tasks, two months of calls; always the same."""

from crm_app.demo_office.loading import SignIn, clear, is_loaded, known_clients, load
from crm_app.demo_office.people import DID, PEOPLE

__all__ = ["DID", "PEOPLE", "SignIn", "clear", "is_loaded", "known_clients", "load"]
