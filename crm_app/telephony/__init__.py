"""The link with the PBX: settings, webhook, click-to-call, routing."""

from crm_app.telephony.views import bp
from crm_app.telephony.wiring import register

__all__ = ["bp", "register"]
