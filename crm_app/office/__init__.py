"""When the office is open."""

from flask import Flask

from crm_app.accounts.presence.shifts import shifts
from crm_app.config import Config
from crm_app.office import services
from crm_app.office.views import bp

__all__ = ["bp", "register"]


def register(app: Flask) -> None:
    """Let the office's hours say who is off shift."""
    config: Config = app.extensions["settings"]
    shifts.come_from(lambda: services.hours_that_were_set(config.default_timezone))
