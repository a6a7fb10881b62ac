"""The sentences about leads: their fields, what was done to them, what was refused."""

from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from crm_app.errors import InvalidInputError
from crm_app.journal.history import History
from crm_app.journal.kinds import RecordKind
from crm_app.leads.fields import LeadDraft
from crm_app.leads.forms import KIND_NAMES
from crm_app.leads.models import StageKind
from crm_app.records.views import Words
from crm_app.records.wording import labels
from crm_app.web.display.formatting import day, money
from crm_app.web.wording import reason

LABELS: dict[str, Any] = {
    **labels(LeadDraft),
    "stage": _l("Stage"),
    "lost_reason": _l("Reason"),
    "closed_at": _l("Closed"),
}

ACTIONS: dict[str, Any] = {
    "created": _l("created the lead"),
    "changed": _l("changed the lead"),
    "moved": _l("moved the lead"),
    "deleted": _l("put the lead in the bin"),
    "restored": _l("took the lead out of the bin"),
}

ORDER_NAMES = {
    "": _l("Newest first"),
    "oldest": _l("Oldest first"),
    "value": _l("Largest value first"),
    "title": _l("By title"),
    "changed": _l("Last changed first"),
}

# Added in the office's language; from then on they are names of rows, which the office may change.
DEFAULT_STAGES = (
    (_l("New"), StageKind.OPEN),
    (_l("Contacted"), StageKind.OPEN),
    (_l("Proposal"), StageKind.OPEN),
    (_l("Won"), StageKind.WON),
    (_l("Lost"), StageKind.LOST),
)

STAGE_LABELS: dict[str, Any] = {"stage": _l("Stage"), "order": _l("Order")}

STAGE_ACTIONS: dict[str, Any] = {
    "stage_added": _l("added a stage"),
    "stage_changed": _l("changed a stage"),
    "stages_ordered": _l("changed the order of the stages"),
    "stage_deleted": _l("deleted a stage"),
}


def refusal(error: InvalidInputError) -> str:
    """Say why a lead was not moved, or the pipeline not changed."""
    words = {
        "in_bin": _("The lead is in the bin. Restore it to work with it."),
        "stage_gone": _("This stage no longer exists. Choose another one."),
        "stage_kind_changed": _("The stage it was in is now of another kind."),
        "other_kind": _("Choose another stage of the same kind."),
        "stage_name_taken": _("A stage with this name already exists."),
    }
    if error.code == "stage_not_empty":
        count = int(str(error.details["count"]))
        return str(
            ngettext(
                "%(num)d lead is in this stage. Move it first.",
                "%(num)d leads are in this stage. Move them first.",
                count,
            )
        )
    if error.code == "last_of_kind":
        kind = KIND_NAMES[error.details["kind"]]
        return str(_("One stage of the kind “%(kind)s” must stay.", kind=kind))
    return str(words.get(error.code) or reason(error))


def _worded(field: str, value: Any) -> str:
    if value is None:
        return ""
    if field == "closed_at":
        return day(datetime.fromisoformat(value))
    if isinstance(value, list):
        return money(*value)
    return str(value)


def _worded_stage(field: str, value: Any) -> str:
    if value is None:
        return ""
    if field == "order":
        return " · ".join(value)
    name, kind = value
    return f"{name} ({KIND_NAMES.get(kind, kind)})"


HISTORY = History(RecordKind.LEAD, LABELS, ACTIONS, _worded)
PIPELINE_HISTORY = History(RecordKind.PIPELINE, STAGE_LABELS, STAGE_ACTIONS, _worded_stage)
WORDS = Words(
    one=_l("Lead"),
    all=_l("Leads"),
    deleted=_l("Deleted leads"),
    waiting=_l("Deleted leads wait here until somebody restores them."),
    binned=lambda _name: _("The lead is in the bin."),
    restored=lambda _name: _("The lead is back."),
)
