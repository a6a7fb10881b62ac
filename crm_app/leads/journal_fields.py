"""What the journal keeps of leads, so that any change of one can be undone."""

from collections.abc import Collection

from crm_app.errors import InvalidInputError
from crm_app.journal.changes import Keeping, keep
from crm_app.journal.kinds import RecordKind
from crm_app.journal.values import Column, Columns, Reference
from crm_app.leads.fields import LeadDraft
from crm_app.leads.models import Lead, StageKind
from crm_app.leads.search_document import searchable
from crm_app.records.fields import kept


def derive(lead: Lead) -> None:
    """Write what a lead is found by."""
    lead.search_text = searchable(lead, lead.contact)


def _settle(lead: Lead, fields: Collection[str]) -> None:
    # What its kind is now may differ from what it was when the lead left the stage.
    if "stage" in fields and lead.stage.kind == StageKind.LOST and not lead.lost_reason:
        raise InvalidInputError("required", "lost_reason")
    if "stage" in fields and lead.is_open != (lead.closed_at is None):
        raise InvalidInputError("stage_kind_changed", "stage")
    derive(lead)


LEAD = keep(
    Keeping(
        RecordKind.LEAD,
        Lead,
        (
            Reference("stage", is_held_first=True),
            *kept(LeadDraft, Columns("value", ("value_cents", "currency"))),
            Column("lost_reason"),
            Column("closed_at"),
            Column("deleted_at"),
        ),
        opposites={"deleted": "restored", "restored": "deleted"},
        settle=_settle,
    )
)
