"""The verbs of leads: each writes its trace in the journal; the caller commits."""

from collections.abc import Collection
from typing import TypedDict, Unpack

from sqlalchemy import select
from sqlalchemy.orm import contains_eager, joinedload

from crm_app import clock
from crm_app.accounts import rights
from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb
from crm_app.contacts.models import Contact
from crm_app.database import hold
from crm_app.errors import ConflictError, InvalidInputError
from crm_app.extensions import db
from crm_app.journal.kinds import RecordKind
from crm_app.journal.models import JournalEntry
from crm_app.leads import wording
from crm_app.leads.kept import LEAD, derive
from crm_app.leads.models import Lead, LeadStage, StageKind
from crm_app.leads.search_document import searchable as searchable
from crm_app.records.undo import undo
from crm_app.records.versions import hold_version
from crm_app.text import clean, required


class LeadDetails(TypedDict, total=False):
    """What may be said about any lead beside its title and contact."""

    source: str
    value_cents: int | None
    currency: str
    about: str
    responsible: User | None


class NewLeadDetails(LeadDetails, total=False):
    """What may be said about a new lead; in a lost stage it must have the reason."""

    stage: LeadStage | None
    lost_reason: str


class LeadChanges(LeadDetails, total=False):
    """What may be changed on a lead; the stage is changed by `move_to`."""

    title: str
    contact_id: int | None


def create_lead(
    title: str, contact_id: int | None, by: User | None, **details: Unpack[NewLeadDetails]
) -> Lead:
    """Add a lead, in the first open stage unless told otherwise; nothing is committed.

    Without a `responsible` (and none said to be nobody) the one who creates it is responsible.
    Raises InvalidInputError: title_empty, stage_gone, required (the field lost_reason of a lost
    stage).
    """
    stage = held_stage((details.pop("stage", None) or first_stage(StageKind.OPEN)).id)
    details.setdefault("responsible", by)
    details["lost_reason"] = _reason(stage, details.get("lost_reason", ""))
    contact = db.session.get(Contact, contact_id) if contact_id else None
    lead = Lead(
        title=required(title, "title_empty", "title"), contact=contact, stage=stage, currency="EUR"
    )
    for name, value in details.items():
        setattr(lead, name, value)
    lead.closed_at = None if stage.kind == StageKind.OPEN else clock.now()
    derive(lead)
    db.session.add(lead)
    db.session.flush()
    LEAD.created(lead, by)
    return lead


def update_lead(lead: Lead, by: User, **changes: Unpack[LeadChanges]) -> bool:
    """Change what is said about a lead and tell whether anything differed from before.

    Raises InvalidInputError: title_empty.
    """
    change = LEAD.begin(lead)
    if "title" in changes:
        changes["title"] = required(changes["title"], "title_empty", "title")
    for name, value in changes.items():
        if name != "contact_id":
            setattr(lead, name, value)
    if "contact_id" in changes:
        contact_id = changes["contact_id"]
        lead.contact = db.session.get(Contact, contact_id) if contact_id else None
    derive(lead)
    return change.write("changed", by) is not None


def move_to(lead: Lead, stage: LeadStage, by: User, *, lost_reason: str = "") -> LeadStage:
    """Move a lead to another stage and give the one it was in; to a lost one it needs the reason.

    A lead that gets closed was closed now. Raises InvalidInputError: stage_gone, in_bin, required
    (the field lost_reason).
    """
    # Stages are held before leads everywhere, so that no two wait for each other.
    stage = held_stage(stage.id)
    hold(db.session, lead)
    if lead.deleted_at is not None:
        raise InvalidInputError("in_bin")
    reason, left, change = _reason(stage, lost_reason), lead.stage, LEAD.begin(lead)
    if stage.kind == StageKind.OPEN:
        lead.closed_at = None
    elif left.kind != stage.kind or lead.closed_at is None:
        lead.closed_at = clock.now()
    lead.stage, lead.lost_reason = stage, reason
    change.write("moved", by)
    return left


def move_back(lead: Lead, stage: LeadStage, by: User, version: int) -> None:
    """Undo the move from `stage` that made this version: reason and day of closing come back too.

    Raises ConflictError when somebody changed the lead since, InvalidInputError as move_to and
    as `undo`.
    """
    # Stages are held before leads everywhere, so that no two wait for each other.
    held_stage(stage.id)
    hold_version(lead, version)
    if lead.is_in_bin:
        raise InvalidInputError("in_bin")
    last = db.session.scalar(JournalEntry.of(RecordKind.LEAD, lead.id).limit(1))
    if last is None or last.action != "moved":
        raise ConflictError
    undo(last, by)


def win(lead: Lead, by: User) -> None:
    """Say that the sale was made: the lead goes to the first won stage."""
    move_to(lead, first_stage(StageKind.WON), by)


def lose(lead: Lead, reason: str, by: User) -> None:
    """Say that the sale was lost, and why: the lead goes to the first lost stage."""
    move_to(lead, first_stage(StageKind.LOST), by, lost_reason=reason)


def open_leads(contact_ids: Collection[int], user: User | None = None) -> list[Lead]:
    """List the open leads of some contacts, the newest first (only those the user may see)."""
    if not contact_ids:
        return []
    is_seen = rights.scope(user, Lead, Verb.VIEW) if user else Lead.deleted_at.is_(None)
    statement = (
        select(Lead)
        .join(Lead.stage)
        .where(is_seen, Lead.contact_id.in_(contact_ids), LeadStage.kind == StageKind.OPEN)
        .options(contains_eager(Lead.stage), joinedload(Lead.responsible))
        .order_by(Lead.created_at.desc(), Lead.id.desc())
    )
    return list(db.session.scalars(statement))


def held_stage(stage_id: int) -> LeadStage:
    """Give a stage that cannot be deleted before the end of the transaction.

    Raises InvalidInputError("stage_gone", "stage_id").
    """
    statement = select(LeadStage).where(LeadStage.id == stage_id)
    statement = statement.with_for_update(read=True, key_share=True)
    stage = db.session.scalar(statement.execution_options(populate_existing=True))
    if stage is None:
        raise InvalidInputError("stage_gone", "stage_id")
    return stage


def first_stage(kind: StageKind) -> LeadStage:
    """Give the first stage of a kind; the default stages are added when there is none yet."""
    statement = select(LeadStage).where(LeadStage.kind == kind)
    statement = statement.order_by(LeadStage.position, LeadStage.id).limit(1)
    stage = db.session.scalar(statement)
    if stage is None:
        ensure_stages()
        stage = db.session.scalars(statement).one()
    return stage


def ensure_stages() -> None:
    """Add the default stages, so that there is one of each kind; nothing is committed."""
    stages = list(db.session.scalars(select(LeadStage)))
    kinds = {stage.kind for stage in stages}
    position = max((stage.position for stage in stages), default=0)
    for name, kind in wording.DEFAULT_STAGES:
        if kind not in kinds:
            position += 1
            db.session.add(LeadStage(name=str(name), kind=kind, position=position))
    db.session.flush()


def _reason(stage: LeadStage, typed: str) -> str:
    reason = clean(typed)[:200] if stage.kind == StageKind.LOST else ""
    if stage.kind == StageKind.LOST and not reason:
        raise InvalidInputError("required", "lost_reason")
    return reason
