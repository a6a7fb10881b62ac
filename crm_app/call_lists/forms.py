"""What is typed to make a list, and why it is refused."""

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField
from wtforms.validators import DataRequired, Length

from crm_app.call_lists.models import NAME_LENGTH
from crm_app.text import clean


class ListForm(FlaskForm):
    """The name of a list, and whether those are on it who asked not to be called."""

    name = StringField(
        _l("Name"), filters=[clean], validators=[DataRequired(), Length(max=NAME_LENGTH)]
    )
    calls_do_not_call = BooleanField(_l("Also those who asked not to be called"))


REASONS: dict[str, Any] = {
    "nobody_to_call": _l("This finds nobody who can be called."),
    "list_closed": _l("This list is closed."),
    "not_yours": _l("This entry is somebody else's by now: it was not used for half an hour."),
    "talking_still": _l("Hang up first: the call is going on."),
}
