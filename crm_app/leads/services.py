"""The verbs of leads: each writes its trace in the journal; the caller commits."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import contains_eager, joinedload

from crm_app import clock, phone_numbers
from crm_app.accounts import rights
from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb
from crm_app.contacts import services as contacts
from crm_app.contacts.models import Contact
from crm_app.database import for_update
from crm_app.errors import ConflictError, InvalidInputError
from crm_app.extensions import db
from crm_app.journal.kinds import RecordKind
from crm_app.journal.models import JournalEntry
from crm_app.leads import wording
from crm_app.leads.fields import LeadDraft
from crm_app.leads.journal_fields import LEAD, derive
from crm_app.leads.models import LOST_REASON_LENGTH, Lead, LeadStage, StageKind
from crm_app.leads.search_document import searchable as searchable
from crm_app.phone_pairs import forms_of
from crm_app.records.fields import field_of, write
from crm_app.records.undo import undo
from crm_app.records.versions import for_update_at
from crm_app.text import required

TITLE_LENGTH = field_of(LeadDraft, "title").length


def create_lead(
    draft: LeadDraft,
    by: User | None,
    *,
    stage: LeadStage | None = None,
    lost_reason: str = "",
    number: str = "",
) -> Lead:
    """Add a lead, in the first open stage when none is given; nothing is committed.

    Where the draft does not say who is responsible (or that nobody is), `by` is. `number` (E.164)
    is that of a client without a contact. Raises InvalidInputError: title_empty, stage_gone,
    required (the field lost_reason of a lost stage), contact_unknown, responsible_unknown.
    """
    if "responsible_id" not in draft.said and by is not None:
        draft = draft.but(responsible_id=by.id)
    stage = stage_for_update((stage or first_stage(StageKind.OPEN)).id)
    lead = Lead(stage=stage, lost_reason=_reason(stage, lost_reason), number=number)
    lead.closed_at = None if stage.kind == StageKind.OPEN else clock.now()
    _apply(lead, draft.whole())
    db.session.add(lead)
    db.session.flush()
    LEAD.created(lead, by)
    return lead


def update_lead(lead: Lead, draft: LeadDraft, by: User | None) -> bool:
    """Change what a draft says about a lead; True when anything differed from before.

    Raises InvalidInputError: contact_unknown, responsible_unknown.
    """
    change = LEAD.begin(lead)
    _apply(lead, draft.said)
    return change.write("changed", by) is not None


def _apply(lead: Lead, said: dict[str, Any]) -> None:
    write(said, lead, LeadDraft)
    for name in ("value_cents", "currency"):
        if name in said:
            setattr(lead, name, said[name])
    derive(lead)


def move_to(lead: Lead, stage: LeadStage, by: User, *, lost_reason: str = "") -> LeadStage:
    """Move a lead to another stage and give the one it was in; to a lost one it needs the reason.

    A lead that gets closed was closed now. Raises InvalidInputError: stage_gone, in_bin, required
    (the field lost_reason).
    """
    # Stages are held before leads everywhere, so that no two wait for each other.
    stage = stage_for_update(stage.id)
    for_update(db.session, lead)
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
    stage_for_update(stage.id)
    for_update_at(lead, version)
    if lead.is_in_bin:
        raise InvalidInputError("in_bin")
    last = db.session.scalar(JournalEntry.of(RecordKind.LEAD, lead.id).limit(1))
    if last is None or last.action != "moved":
        raise ConflictError
    undo(last, by)


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


def move_to_contact(before: Contact, contact: Contact, by: User) -> None:
    """Let the leads of one contact be with another one."""
    theirs = select(Lead).where(Lead.contact_id == before.id, Lead.deleted_at.is_(None))
    for lead in db.session.scalars(theirs.order_by(Lead.id)).all():
        update_lead(lead, LeadDraft(contact_id=contact.id), by)


def open_leads_of_numbers(numbers: Collection[str], user: User | None = None) -> list[Lead]:
    """List the open leads without contact that came from some numbers, as `open_leads` does."""
    is_seen = rights.scope(user, Lead, Verb.VIEW) if user else Lead.deleted_at.is_(None)
    return [lead for lead in _of_numbers(numbers, is_seen) if lead.is_open]


def _of_numbers(numbers: Collection[str], is_seen: ColumnElement[bool]) -> list[Lead]:
    formats = forms_of(*filter(None, numbers))
    if not formats:
        return []
    statement = (
        select(Lead)
        .where(is_seen, Lead.number.in_(formats), Lead.number != "", Lead.contact_id.is_(None))
        .options(joinedload(Lead.stage), joinedload(Lead.responsible))
        .order_by(Lead.created_at.desc(), Lead.id.desc())
    )
    return list(db.session.scalars(statement))


@contacts.when_named
def _name_leads(contact: Contact, number: str, by: User | None) -> None:
    """Put the name into the titles of the leads that were called by the number."""
    theirs = select(Lead).where(Lead.contact_id == contact.id, Lead.deleted_at.is_(None))
    for lead in db.session.scalars(theirs.order_by(Lead.id)).all():
        update_lead(lead, LeadDraft(title=_named(lead.title, number, contact)), by)


@contacts.when_numbered
def _take_leads(contact: Contact, numbers: set[str], by: User | None) -> None:
    """Let the leads that came from a number be with the contact who gets it."""
    for number in sorted(numbers):
        for lead in _of_numbers([number], Lead.deleted_at.is_(None)):
            title = _named(lead.title, phone_numbers.show(number, ""), contact)
            update_lead(lead, LeadDraft(contact_id=contact.id, title=title), by)


def _named(title: str, number: str, contact: Contact) -> str:
    """Write a name in the place of the number by which a lead was called."""
    if not (contact.is_named and title.endswith(number)):
        return title
    return (title.removesuffix(number) + contact.name)[:TITLE_LENGTH]


def stage_for_update(stage_id: int) -> LeadStage:
    """Return a stage that cannot be deleted before the end of the transaction.

    Raises InvalidInputError("stage_gone", "stage_id").
    """
    statement = select(LeadStage).where(LeadStage.id == stage_id)
    statement = statement.with_for_update(read=True, key_share=True)
    stage = db.session.scalar(statement.execution_options(populate_existing=True))
    if stage is None:
        raise InvalidInputError("stage_gone", "stage_id")
    return stage


def first_stage(kind: StageKind) -> LeadStage:
    """Return the first stage of a kind; the default stages are added when there is none yet."""
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
    if stage.kind != StageKind.LOST:
        return ""
    return required(typed, "required", "lost_reason", LOST_REASON_LENGTH)
