"""The verbs of the pipeline, whose stages the office chooses; the caller commits."""

from collections.abc import Iterable

from sqlalchemy import Select, func, select

from crm_app import search_text
from crm_app.accounts.models import User
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.journal import services as journal
from crm_app.journal.kinds import ONLY, RecordKind
from crm_app.journal.values import Changes, Value, difference
from crm_app.leads.journal_fields import LEAD
from crm_app.leads.models import STAGE_NAME_LENGTH, Lead, LeadStage, StageKind
from crm_app.text import required

NOTHING: Value = {"value": None}


def in_order() -> Select[LeadStage]:
    """Select the stages in the order of the pipeline."""
    return select(LeadStage).order_by(LeadStage.position, LeadStage.id)


def counts() -> dict[int, int]:
    """Count the leads of each stage, those in the bin too."""
    rows = db.session.execute(select(Lead.stage_id, func.count()).group_by(Lead.stage_id))
    return dict(list(rows))


def add_stage(name: str, kind: StageKind, by: User | None) -> LeadStage:
    """Add a stage at the end of those of its kind.

    Raises InvalidInputError on `name`: name_empty, too_long or stage_name_taken.
    """
    name = required(name, "name_empty", "name", STAGE_NAME_LENGTH)
    stages = _held()
    _refuse_taken(name, None, stages)
    stage = LeadStage(name=name, kind=kind)
    db.session.add(stage)
    alike = [index for index, other in enumerate(stages) if other.kind == kind]
    open_ones = [index for index, other in enumerate(stages) if other.kind == StageKind.OPEN]
    stages.insert((alike or open_ones or [-1])[-1] + 1, stage)
    _number(stages)
    _record("stage_added", by, {"stage": {"old": NOTHING, "new": _described(stage)}})
    return stage


def change_stage(stage: LeadStage, name: str, kind: StageKind, by: User | None) -> None:
    """Rename a stage or, while it is empty, change its kind.

    Leads must not become won or lost by tidying up, and one stage of each kind always stays.
    Raises InvalidInputError: name_empty, too_long, stage_gone, stage_name_taken, last_of_kind,
    stage_not_empty (with `count`).
    """
    name = required(name, "name_empty", "name", STAGE_NAME_LENGTH)
    _refuse_taken(name, stage, _held(stage))
    if kind != stage.kind:
        _refuse_last_of_kind(stage)
        _refuse_full(stage)
    before = _described(stage)
    stage.name, stage.kind = name, kind
    db.session.flush()
    after = _described(stage)
    if before != after:
        _record("stage_changed", by, {"stage": {"old": before, "new": after}})


def shift(stage: LeadStage, by: User | None, *, up: bool) -> None:
    """Change places with the stage before (up) or after it; at the end of the row nothing moves.

    Raises InvalidInputError("stage_gone").
    """
    stages = _held(stage)
    before = {"order": _order(stages)}
    here = stages.index(stage)
    there = here - 1 if up else here + 1
    if 0 <= there < len(stages):
        stages[here], stages[there] = stages[there], stages[here]
    _number(stages)
    after = {"order": _order(stages)}
    _record("stages_ordered", by, difference(before, after))


def delete_stage(stage: LeadStage, by: User | None) -> None:
    """Take an empty stage out of the pipeline.

    Raises InvalidInputError: stage_gone, stage_not_empty (with `count`, leads in the bin
    included), last_of_kind.
    """
    _held(stage)
    _refuse_last_of_kind(stage)
    _refuse_full(stage)
    before = _described(stage)
    db.session.delete(stage)
    db.session.flush()
    _record("stage_deleted", by, {"stage": {"old": before, "new": NOTHING}})


def empty_into(stage: LeadStage, other: LeadStage, by: User) -> int:
    """Move all leads of a stage, those in the bin too, to another of the same kind.

    Tells how many went. Raises InvalidInputError: stage_gone, other_kind (the field stage_id).
    """
    _held(stage, other)
    if stage.kind != other.kind or stage.id == other.id:
        raise InvalidInputError("other_kind", "stage_id")
    inside = select(Lead).where(Lead.stage_id == stage.id).order_by(Lead.id).with_for_update()
    leads = db.session.scalars(inside.execution_options(populate_existing=True)).all()
    for lead in leads:
        change = LEAD.begin(lead)
        lead.stage = other
        change.write("moved", by)
    db.session.flush()
    return len(leads)


def _held(*needed: LeadStage) -> list[LeadStage]:
    """Fetch all stages in order, each kept from others until the end of the transaction.

    So one manager after the other changes the pipeline, and no lead moves into a stage on its way
    out. Raises InvalidInputError("stage_gone") when one of the needed is no more.
    """
    # By id, so that two managers never wait for each other; and read when nobody can change them
    # any more, for what waited for a lock does not see the rows that came in between.
    db.session.execute(select(LeadStage.id).order_by(LeadStage.id).with_for_update())
    stages = db.session.scalars(in_order().execution_options(populate_existing=True)).all()
    if not set(needed) <= set(stages):
        raise InvalidInputError("stage_gone")
    return list(stages)


def _refuse_taken(name: str, own: LeadStage | None, stages: Iterable[LeadStage]) -> None:
    # Compared here: the database of one engine lowers "É", that of the other does not.
    wanted = search_text.normalise(name)
    if any(search_text.normalise(other.name) == wanted for other in stages if other is not own):
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


def _described(stage: LeadStage) -> Value:
    return {"value": stage.id, "shown": [stage.name, str(stage.kind)]}


def _order(stages: list[LeadStage]) -> Value:
    return {"value": [stage.id for stage in stages], "shown": [stage.name for stage in stages]}


def _record(action: str, by: User | None, changes: Changes) -> None:
    # The pipeline is one record: stages come and go, and have no page of their own.
    if changes:
        journal.record(RecordKind.PIPELINE, ONLY, action, by, changes)
