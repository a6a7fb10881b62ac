"""What may be typed into the office's own texts for messages."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from crm_app.errors import InvalidInputError
from crm_app.telephony.messages.models import TEMPLATE_LENGTH, TEMPLATE_NAME_LENGTH
from crm_app.text import clean
from crm_app.web.wording import reason

SENTENCES: dict[str, Any] = {
    "name_taken": _l("There is a template of this name already."),
    "too_many_templates": _l("The list is full. Remove a template first."),
    "brace_alone": _l("Write { and } only around name, company or me."),
}


class TemplateForm(FlaskForm):
    """A name by which a text is chosen, and the text."""

    name = StringField(
        _l("Name"),
        filters=[clean],
        validators=[DataRequired(), Length(max=TEMPLATE_NAME_LENGTH)],
        render_kw={"autocomplete": "off"},
    )
    text = TextAreaField(
        _l("Text"), filters=[clean], validators=[DataRequired(), Length(max=TEMPLATE_LENGTH)]
    )


def refusal(error: InvalidInputError) -> str:
    """Say why a text was not kept."""
    if error.code == "place_unknown":
        place = error.details["place"]
        return str(_("There is no {%(place)s}. Use {name}, {company} or {me}.", place=place))
    return str(SENTENCES.get(error.code) or reason(error))
