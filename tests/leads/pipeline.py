"""Stages by their names, and leads that were won or lost as the pages do it."""

from sqlalchemy import select

from crm_app.accounts.models import User
from crm_app.extensions import db
from crm_app.leads import services
from crm_app.leads.models import Lead, LeadStage, StageKind


def named(name: str) -> LeadStage:
    return db.session.scalars(select(LeadStage).where(LeadStage.name == name)).one()


def win(lead: Lead, by: User) -> None:
    services.move_to(lead, services.first_stage(StageKind.WON), by)


def lose(lead: Lead, reason: str, by: User) -> None:
    services.move_to(lead, services.first_stage(StageKind.LOST), by, lost_reason=reason)
