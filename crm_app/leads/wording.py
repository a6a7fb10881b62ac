"""The sentences about leads: their fields, what was done to them, what was refused."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from crm_app.errors import InvalidInputError
from crm_app.journal.story import Story
from crm_app.leads import services
from crm_app.leads.forms import KIND_NAMES
from crm_app.web.formatting import money

LABELS: dict[str, Any] = {
    "title": _l("Title"),
    "contact": _l("Contact"),
    "stage": _l("Stage"),
    "value": _l("Value"),
    "source": _l("Source"),
    "about": _l("About"),
    "responsible": _l("Responsible"),
    "lost_reason": _l("Reason"),
}

ACTIONS: dict[str, Any] = {
    "created": _l("created the lead"),
    "changed": _l("changed the lead"),
    "moved": _l("moved the lead"),
    "deleted": _l("put the lead in the bin"),
    "restored": _l("took the lead out of the bin"),
}


def stage_refusal(error: InvalidInputError) -> str:
    """Say why the pipeline was not changed."""
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
        kind = KIND_NAMES[error.details["kind"]]  # type: ignore[index]
        return str(_("One stage of the kind “%(kind)s” must stay.", kind=kind))
    if error.code == "other_kind":
        return str(_("Choose another stage of the same kind."))
    return str(_("There is a stage with this name."))


def _worded(_field: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return money(*value)
    return str(value)


STORY = Story(services.RECORD, LABELS, ACTIONS, _worded)
