"""What may be typed about leads and stages."""

from collections.abc import Iterable
from typing import Any

from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField, TextAreaField, ValidationError
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length

from crm_app.accounts.models import User
from crm_app.errors import InvalidInputError
from crm_app.leads.models import Lead, LeadStage, StageKind
from crm_app.text import clean
from crm_app.web.conflict import VersionedForm
from crm_app.web.display.amounts import read_cents, write_cents

CURRENCIES = ("EUR", "USD", "GBP", "CHF", "BRL", "AOA", "CVE", "MZN", "PLN", "SEK", "NOK", "DKK")

KIND_NAMES = {
    StageKind.OPEN: _l("Open"),
    StageKind.WON: _l("Won"),
    StageKind.LOST: _l("Lost"),
}


class LeadForm(VersionedForm):
    """A new or changed lead; when new, for somebody new too, who then has a name and a number."""

    title = StringField(_l("Title"), filters=[clean], validators=[DataRequired(), Length(max=200)])
    contact_id = StringField(_l("Contact"), filters=[clean])
    contact_name = StringField(_l("Name"), filters=[clean], validators=[Length(max=200)])
    number = StringField(_l("Number"), filters=[clean], validators=[Length(max=40)])
    stage_id = SelectField(_l("Stage"), coerce=int)
    value = StringField(_l("Value"), filters=[clean])
    currency = SelectField(_l("Currency"))
    source = StringField(_l("Source"), filters=[clean], validators=[Length(max=60)])
    responsible_id = SelectField(_l("Responsible"))
    about = TextAreaField(_l("About"), filters=[clean], validators=[Length(max=10_000)])

    value_cents: int | None = None

    def offer(self, stages: Iterable[LeadStage], users: Iterable[User], lead: Lead | None) -> None:
        """Fill the choices; what the lead has already stays choosable."""
        # Why a sale was lost is asked where the lead is moved.
        starts = [stage for stage in stages if stage.kind != StageKind.LOST]
        self.stage_id.choices = [SelectChoice(stage.id, stage.name) for stage in starts]
        people = {str(user.id): user.name for user in users}
        currencies = list(CURRENCIES)
        if lead is not None:
            if lead.responsible is not None:
                people.setdefault(str(lead.responsible_id), lead.responsible.name)
            if lead.currency not in currencies:
                currencies.append(lead.currency)
            del self.contact_name, self.number
        if lead is not None or not self.stage_id.choices:
            # Where no pipeline is laid yet, the first lead lays it.
            del self.stage_id
        self.responsible_id.choices = [
            SelectChoice("", _("Nobody")),
            *[SelectChoice(user_id, name) for user_id, name in people.items()],
        ]
        self.currency.choices = [SelectChoice(code, code) for code in currencies]

    def validate_value(self, field: StringField) -> None:
        """Read the amount in the user's own writing."""
        self.value_cents = None
        if not field.data:
            return
        try:
            self.value_cents = read_cents(field.data, get_locale())
            # In one writing, so that "200" and "200.00" do not look like two values.
            field.data = write_cents(self.value_cents, get_locale())
        except InvalidInputError as error:
            if error.code == "amount_too_large":
                raise ValidationError(_("That is too much.")) from error
            example = write_cents(123456, get_locale())
            raise ValidationError(_("Write it like %(example)s", example=example)) from error


def contents_of(lead: Lead) -> dict[str, Any]:
    """Give what the form shows of a lead."""
    return {
        "title": lead.title,
        "contact_id": str(lead.contact_id or ""),
        "value": write_cents(lead.value_cents, get_locale()),
        "currency": lead.currency,
        "source": lead.source,
        "responsible_id": str(lead.responsible_id or ""),
        "about": lead.about,
    }


class LostForm(FlaskForm):
    """Why a sale was lost."""

    lost_reason = StringField(
        _l("Why was it lost?"), filters=[clean], validators=[DataRequired(), Length(max=200)]
    )


class StageForm(FlaskForm):
    """A stage of the pipeline."""

    name = StringField(_l("Name"), filters=[clean], validators=[DataRequired(), Length(max=60)])
    kind = SelectField(
        _l("Kind"), choices=[SelectChoice(str(kind), name) for kind, name in KIND_NAMES.items()]
    )
