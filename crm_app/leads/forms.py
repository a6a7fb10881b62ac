"""What may be typed about leads and stages."""

from collections.abc import Iterable, Mapping
from typing import Any

from flask import current_app, request
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField, ValidationError
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length

from crm_app import phone_numbers
from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb, find
from crm_app.contacts import services as contacts
from crm_app.contacts.fields import ContactDraft
from crm_app.contacts.models import Contact
from crm_app.errors import InvalidInputError
from crm_app.leads.fields import CURRENCIES, STAGE_KIND_NAMES, LeadDraft
from crm_app.leads.models import (
    LOST_REASON_LENGTH,
    STAGE_NAME_LENGTH,
    Lead,
    LeadStage,
    StageKind,
)
from crm_app.records.fields import field_of
from crm_app.records.forms import DescribedForm, form_field
from crm_app.records.wording import label, translated
from crm_app.text import clean
from crm_app.web.display.amounts import read_cents, write_cents
from crm_app.web.display.formatting import phone
from crm_app.web.ids import read_id

KIND_NAMES = translated(STAGE_KIND_NAMES)


class LeadForm(DescribedForm):
    """A new or changed lead; when new, for somebody new too, who then has a name and a number."""

    DRAFT = LeadDraft

    contact_name = form_field(field_of(ContactDraft, "name"), is_required=False)
    number = StringField(_l("Number"), filters=[clean], validators=[Length(max=40)])
    stage_id = SelectField(_l("Stage"), coerce=int)
    value = StringField(label(field_of(LeadDraft, "value_cents")), filters=[clean])
    currency = SelectField(label(field_of(LeadDraft, "currency")))

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
            # Where there are no stages yet, the first lead adds the default ones.
            del self.stage_id
        self.responsible_id.choices = [
            SelectChoice("", _("Nobody")),
            *[SelectChoice(user_id, name) for user_id, name in people.items()],
        ]
        self.currency.choices = [SelectChoice(code, code) for code in currencies]

    def validate_value(self, field: StringField) -> None:
        """Read the amount in the user's own number format."""
        self.value_cents = None
        if not field.data:
            return
        try:
            self.value_cents = read_cents(field.data, get_locale())
            # In one format, so that "200" and "200.00" do not look like two values.
            field.data = write_cents(self.value_cents, get_locale())
        except InvalidInputError as error:
            if error.code == "amount_too_large":
                raise ValidationError(_("This amount is too large.")) from error
            example = write_cents(123456, get_locale())
            raise ValidationError(_("Write it like %(example)s", example=example)) from error

    @classmethod
    def contents_of(cls, lead: Lead) -> dict[str, Any]:
        """Return what the form shows of a lead."""
        value = write_cents(lead.value_cents, get_locale())
        return {**super().contents_of(lead), "value": value, "currency": lead.currency}

    def draft(self, contact: Contact | None) -> LeadDraft:
        """Return what was typed, once it is valid, about a lead of this contact."""
        money = {"value_cents": self.value_cents, "currency": self.currency.data}
        return LeadDraft(**{**self.said, **money, "contact_id": contact.id if contact else None})


def prefilled(args: Mapping[str, str], user: User) -> dict[str, Any]:
    """Read what a link to the form already knows: contact_id, title, number, source, about.

    A number that belongs to exactly one contact stands for that contact.
    """
    number = _e164(args.get("number", ""))
    contact = find(Contact, read_id(args.get("contact_id")), user, Verb.VIEW)
    if contact is None and number:
        owners = contacts.matching(number)
        contact = find(Contact, owners[0].id, user, Verb.VIEW) if len(owners) == 1 else None
    title = field_of(LeadDraft, "title").fitting(args.get("title"))
    if not title and number:
        title = _("Call from %(number)s", number=phone(number))
    return {
        "title": title,
        "contact_id": str(contact.id) if contact else "",
        "number": "" if contact else (phone(number) or args.get("number", "")[:40]),
        "source": field_of(LeadDraft, "source").fitting(args.get("source")),
        "about": clean(args.get("about"))[:200],
        "responsible_id": str(user.id),
        "currency": "EUR",
    }


def read_number(text: str) -> phone_numbers.Read:
    """Read a number as people write it here; raises InvalidInputError as phone_numbers.read."""
    # The address of the form keeps the number that a call's page has put there.
    reported = [request.args.get("number", "")]
    return phone_numbers.read_known(text, current_app.config["DEFAULT_COUNTRY"], reported)


def _e164(text: str) -> str:
    try:
        return read_number(text).number
    except InvalidInputError:
        return ""


class LostForm(FlaskForm):
    """Why a sale was lost."""

    lost_reason = StringField(
        _l("Why was it lost?"),
        filters=[clean],
        validators=[DataRequired(), Length(max=LOST_REASON_LENGTH)],
    )


class StageForm(FlaskForm):
    """A stage of the pipeline."""

    name = StringField(
        _l("Name"), filters=[clean], validators=[DataRequired(), Length(max=STAGE_NAME_LENGTH)]
    )
    kind = SelectField(
        _l("Kind"), choices=[SelectChoice(str(kind), name) for kind, name in KIND_NAMES.items()]
    )
