"""What may be typed on the card of a call to say who it was."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, IntegerField, StringField
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange

from crm_app.calls.wrapup.services import Stranger
from crm_app.database import LARGEST_ID
from crm_app.text import clean
from crm_app.web.ids import read_id


class NewLeadForm(FlaskForm):
    """The name of a stranger who called, and which contacts of the number it is not."""

    name = StringField(_l("Name"), filters=[clean], validators=[DataRequired(), Length(max=200)])
    known = HiddenField(filters=[clean], validators=[Length(max=300)])

    def stranger(self) -> Stranger:
        """Return the name, and the contacts that were on the card."""
        ids = (read_id(part) for part in (self.known.data or "").split(","))
        known = frozenset(known_id for known_id in ids if known_id is not None)
        return Stranger(self.name.data, known)


class IdentifyForm(FlaskForm):
    """Which contact it was, and whether the number becomes theirs."""

    contact_id = IntegerField(validators=[InputRequired(), NumberRange(1, LARGEST_ID)])
    keeps_number = BooleanField()
