"""The link with the PBX: settings, webhooks, click-to-call, routing."""

from crm_app.telephony.dial_views import bp
from crm_app.telephony.views import register

__all__ = ["bp", "register"]
