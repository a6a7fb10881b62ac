"""Call-backs: exactly one open for each client who was missed, and the queue in which they wait."""

from crm_app.callbacks import contact_changes
from crm_app.callbacks.views import bp

__all__ = ["bp", "contact_changes"]
