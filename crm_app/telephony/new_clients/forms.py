"""What may be typed about numbers that never become clients."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import DataRequired, Length

from crm_app.errors import InvalidInputError
from crm_app.telephony.new_clients.models import REASON_LENGTH
from crm_app.text import clean
from crm_app.web.wording import reason

SENTENCES: dict[str, Any] = {
    "already_ignored": _l("This number is on the list already."),
    "prefix_too_short": _l("Type at least three digits before the *."),
    "too_many_ignored": _l("The list is full. Remove a number first."),
}


class IgnoredNumberForm(FlaskForm):
    """A number, or with a * the beginning of several, and why it is to be ignored."""

    number = StringField(
        _l("Number, or its beginning and a *"),
        filters=[clean],
        validators=[DataRequired(), Length(max=60)],
        render_kw={"autocomplete": "off", "inputmode": "tel"},
    )
    reason = StringField(_l("Reason"), filters=[clean], validators=[Length(max=REASON_LENGTH)])


def refusal(error: InvalidInputError) -> str:
    """Say why a number was not put on the list."""
    return str(SENTENCES.get(error.code) or reason(error) or _("This could not be saved."))
