"""Whether this process lives and whether the whole of Ramal can work."""

from crm_app.health.views import bp

__all__ = ["bp"]
