"""What may be typed on the card of a call to say who it was."""

from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, IntegerField
from wtforms.validators import InputRequired, Length, NumberRange

from crm_app.calls.wrapup.services import Stranger
from crm_app.contacts.fields import ContactDraft
from crm_app.database import LARGEST_ID
from crm_app.records.fields import field_of
from crm_app.records.forms import form_field
from crm_app.text import clean
from crm_app.web.ids import read_id


class NewLeadForm(FlaskForm):
    """The name of a stranger who called, and which contacts of the number it is not.

    With `only_name` no lead is made for somebody who is a contact already.
    """

    name = form_field(field_of(ContactDraft, "name"))
    only_name = HiddenField(filters=[clean], validators=[Length(max=5)])
    known = HiddenField(filters=[clean], validators=[Length(max=300)])

    def stranger(self) -> Stranger:
        """Return the name, and the contacts that were on the card."""
        ids = (read_id(part) for part in (self.known.data or "").split(","))
        known = frozenset(known_id for known_id in ids if known_id is not None)
        return Stranger(self.name.data, known, bool(self.only_name.data))


class IdentifyForm(FlaskForm):
    """Which contact it was, and whether the number becomes theirs."""

    contact_id = IntegerField(validators=[InputRequired(), NumberRange(1, LARGEST_ID)])
    keeps_number = BooleanField()
