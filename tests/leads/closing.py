"""Leads that were won or lost, closed as the pages do it."""

from crm_app.accounts.models import User
from crm_app.leads import services
from crm_app.leads.models import Lead, StageKind


def win(lead: Lead, by: User) -> None:
    services.move_to(lead, services.first_stage(StageKind.WON), by)


def lose(lead: Lead, reason: str, by: User) -> None:
    services.move_to(lead, services.first_stage(StageKind.LOST), by, lost_reason=reason)
