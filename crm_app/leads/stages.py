"""The verbs of the pipeline, whose stages the office chooses; the caller commits."""

from sqlalchemy import Select, func, select

from crm_app.accounts.models import User
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.journal import services as journal
from crm_app.leads.models import Lead, LeadStage, StageKind


def in_order() -> Select[LeadStage]:
    """Select the stages in the order of the pipeline."""
    return select(LeadStage).order_by(LeadStage.position, LeadStage.id)


def counts() -> dict[int, int]:
    """Count the leads of each stage, those in the bin too."""
    rows = db.session.execute(select(Lead.stage_id, func.count()).group_by(Lead.stage_id))
    return dict(list(rows))


def add_stage(name: str, kind: StageKind) -> LeadStage:
    """Add a stage at the end of those of its kind.

    Raises InvalidInputError("stage_name_taken", "name").
    """
    _refuse_taken(name, None)
    stages = list(db.session.scalars(in_order()))
    stage = LeadStage(name=name, kind=kind)
    db.session.add(stage)
    alike = [index for index, other in enumerate(stages) if other.kind == kind]
    open_ones = [index for index, other in enumerate(stages) if other.kind == StageKind.OPEN]
    stages.insert((alike or open_ones or [-1])[-1] + 1, stage)
    _number(stages)
    return stage


def change_stage(stage: LeadStage, name: str, kind: StageKind) -> None:
    """Give a stage another name or, while it is empty, another kind.

    Leads must not become won or lost by tidying up, and one stage of each kind always stays.
    Raises InvalidInputError: stage_name_taken, last_of_kind, stage_not_empty (with `count`).
    """
    _refuse_taken(name, stage.id)
    if kind != stage.kind:
        _refuse_last_of_kind(stage)
        _refuse_full(stage)
    stage.name, stage.kind = name, kind
    db.session.flush()


def shift(stage: LeadStage, *, up: bool) -> None:
    """Change places with the stage before (up) or after it; at the end of the row nothing moves."""
    stages = list(db.session.scalars(in_order()))
    here = stages.index(stage)
    there = here - 1 if up else here + 1
    if 0 <= there < len(stages):
        stages[here], stages[there] = stages[there], stages[here]
    _number(stages)


def delete_stage(stage: LeadStage) -> None:
    """Take an empty stage out of the pipeline.

    Raises InvalidInputError: stage_not_empty (with `count`, leads in the bin included),
    last_of_kind.
    """
    _refuse_last_of_kind(stage)
    _refuse_full(stage)
    db.session.delete(stage)
    db.session.flush()


def empty_into(stage: LeadStage, other: LeadStage, by: User) -> int:
    """Move all leads of a stage, those in the bin too, to another of the same kind.

    Tells how many went. Raises InvalidInputError("other_kind", "stage_id").
    """
    if stage.kind != other.kind or stage.id == other.id:
        raise InvalidInputError("other_kind", "stage_id")
    leads = db.session.scalars(select(Lead).where(Lead.stage_id == stage.id)).all()
    for lead in leads:
        lead.stage = other
        lead.version += 1
        journal.record("lead", lead.id, "moved", by, {"stage": [stage.name, other.name]})
    db.session.flush()
    return len(leads)


def _refuse_taken(name: str, own_id: int | None) -> None:
    same = select(LeadStage.id).where(func.lower(LeadStage.name) == name.lower())
    taken = [stage_id for stage_id in db.session.scalars(same) if stage_id != own_id]
    if taken:
        raise InvalidInputError("stage_name_taken", "name")


def _refuse_full(stage: LeadStage) -> None:
    count = db.session.scalar(select(func.count()).where(Lead.stage_id == stage.id))
    if count:
        raise InvalidInputError("stage_not_empty", count=count)


def _refuse_last_of_kind(stage: LeadStage) -> None:
    alike = select(func.count()).where(LeadStage.kind == stage.kind)
    if db.session.scalar(alike) == 1:
        raise InvalidInputError("last_of_kind", kind=stage.kind)


def _number(stages: list[LeadStage]) -> None:
    for position, stage in enumerate(stages, start=1):
        stage.position = position
    db.session.flush()
