"""Sending e-mail: the office's mail server, and each message that goes out through it."""

from crm_app.mail.views import bp

__all__ = ["bp"]
