"""What may be typed about contacts."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from flask import current_app
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import (
    BooleanField,
    Form,
    FormField,
    HiddenField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
    ValidationError,
)  # fmt: skip
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length, Optional

from crm_app import phone_numbers
from crm_app.accounts.models import User
from crm_app.contacts.models import Contact, ContactKind, PhoneKind
from crm_app.contacts.rows import MOST_SENT, Rows
from crm_app.contacts.services import Draft, PhoneDraft
from crm_app.errors import InvalidInputError
from crm_app.text import clean
from crm_app.web.conflict import VersionedForm
from crm_app.web.display.formatting import phone as show_number
from crm_app.web.email_address import OfficeEmail
from crm_app.web.ids import read_id
from crm_app.web.wording import doubt, reason

KIND_NAMES = {ContactKind.PERSON: _l("Person"), ContactKind.COMPANY: _l("Company")}
PHONE_KIND_NAMES = {
    PhoneKind.MOBILE: _l("Mobile"),
    PhoneKind.WORK: _l("Work"),
    PhoneKind.HOME: _l("Home"),
    PhoneKind.OTHER: _l("Other"),
}


def choices(names: Mapping[Any, Any]) -> list[SelectChoice]:
    """Offer what a mapping of values to words holds."""
    return [SelectChoice(str(value), words) for value, words in names.items()]


def in_our_writing(number: str) -> str:
    """Write a number as we show it, so that one typed in another writing is the same text."""
    try:
        return show_number(phone_numbers.parse(number, current_app.config["DEFAULT_COUNTRY"]))
    except InvalidInputError:
        return number


class PhoneForm(Form):
    """One row of the numbers; a row without a number counts for nothing."""

    number = StringField(
        _l("Number"), filters=[clean, in_our_writing], validators=[Optional(), Length(max=60)]
    )
    kind = SelectField(_l("Rings"), choices=choices(PHONE_KIND_NAMES), default=PhoneKind.MOBILE)
    # Called first: sent as a radio button of the whole form, kept with its row.
    is_main = BooleanField()

    e164 = ""
    # Numbers that are stored with the contact or came from the PBX: never refused.
    known: Collection[str] = ()

    @property
    def warning(self) -> str:
        """Say what speaks against a number that is accepted all the same, "" when nothing does."""
        try:
            return doubt(self._read().doubt) if self.number.data else ""
        except InvalidInputError:
            return ""

    @property
    def known_number(self) -> str:
        """Give the number as it would be stored, "" while it cannot be read."""
        try:
            return self._read().number
        except InvalidInputError:
            return ""

    def validate_number(self, field: StringField) -> None:
        """Read the number as people write it here."""
        self.e164 = ""
        try:
            self.e164 = self._read().number
        except InvalidInputError as error:
            raise ValidationError(reason(error)) from error

    def _read(self) -> phone_numbers.Read:
        country = current_app.config["DEFAULT_COUNTRY"]
        return phone_numbers.read_known(self.number.data, country, self.known)


class EmailForm(Form):
    """One row of the e-mail addresses; an empty one counts for nothing."""

    address = StringField(
        _l("E-mail"),
        filters=[clean],
        validators=[Optional(), Length(max=254), OfficeEmail(_l("This is not an e-mail address."))],
    )


class ContactForm(VersionedForm):
    """A new or changed contact."""

    kind = RadioField(_l("Kind"), choices=choices(KIND_NAMES), default=ContactKind.PERSON)
    name = StringField(_l("Name"), filters=[clean], validators=[DataRequired(), Length(max=200)])
    company_id = HiddenField(_l("Company"))
    job_title = StringField(_l("Job title"), filters=[clean], validators=[Length(max=120)])
    phones = Rows(FormField(PhoneForm), counts_by="number", main_by="main_phone")
    emails = Rows(FormField(EmailForm), counts_by="address")
    responsible_id = SelectField(_l("Responsible"))
    do_not_call = BooleanField(_l("Do not call"))
    address = TextAreaField(_l("Address"), filters=[clean], validators=[Length(max=2_000)])
    about = TextAreaField(_l("About"), filters=[clean], validators=[Length(max=10_000)])
    makes_new = BooleanField(_l("Add a new contact all the same"))

    def offer(self, users: Iterable[User], contact: Contact | None) -> None:
        """Fill the choice of the responsible; whoever it is now stays choosable."""
        people = {str(user.id): user.name for user in users}
        if contact is not None and contact.responsible is not None:
            people.setdefault(str(contact.responsible_id), contact.responsible.name)
        self.responsible_id.choices = [SelectChoice("", _("Nobody")), *choices(people)]

    def accept(self, numbers: Collection[str]) -> None:
        """Let these numbers pass whatever they look like: they are stored, or came by a call."""
        for row in self.phones:
            row.form.known = numbers

    @property
    def warnings(self) -> list[str]:
        """List what speaks against the numbers, each behind the number that it is about."""
        rows = [row for row in self.phones.filled if row.warning]
        return [f"{show_number(row.e164)}: {row.warning}" for row in rows]

    def add_blank_rows(self) -> None:
        """Leave a blank row for one more number and one more address."""
        for rows in (self.phones, self.emails):
            if len(rows.filled) == len(rows) < MOST_SENT:
                rows.append_entry()
        self.phones.mark_one()

    def drop_row(self, name: str) -> None:
        """Take out the row that was sent as, for example, `phones-1`."""
        group, _sign, number = name.rpartition("-")
        if group in {"phones", "emails"}:
            self[group].drop(number)

    def add_row(self, name: str) -> None:
        """Leave one more blank row: `name` is phones or emails."""
        if name in {"phones", "emails"} and len(self[name]) < MOST_SENT:
            self[name].append_entry()

    def refuse(self, error: InvalidInputError) -> None:
        """Put a refusal of the services beside the field that it is about."""
        if error.code == "number_twice":
            row = self.phones.filled[int(error.field.removeprefix("phones-"))]
            row.number.errors = [reason(error)]
            return
        field = self[error.field if error.field in self else "name"]
        field.errors = [reason(error)]

    def draft(self) -> Draft:
        """Give what was typed, once it is valid."""
        return Draft(
            name=self.name.data,
            kind=ContactKind(self.kind.data),
            company_id=read_id(self.company_id.data),
            job_title=self.job_title.data,
            address=self.address.data,
            about=self.about.data,
            do_not_call=self.do_not_call.data,
            responsible_id=read_id(self.responsible_id.data),
            phones=[
                PhoneDraft(row.e164, PhoneKind(row.kind.data), row.is_main.data)
                for row in self.phones.filled
            ],
            emails=[row.address.data for row in self.emails.filled],
        )


def contents_of(contact: Contact) -> dict[str, Any]:
    """Give what the form shows of a contact."""
    return {
        "kind": str(contact.kind),
        "name": contact.name,
        "company_id": str(contact.company_id or ""),
        "job_title": contact.job_title,
        "phones": [
            {
                "number": show_number(phone.number),
                "kind": str(phone.kind),
                "is_main": phone == contact.main_phone,
            }
            for phone in contact.phones
        ],
        "emails": [{"address": email.address} for email in contact.emails],
        "responsible_id": str(contact.responsible_id or ""),
        "do_not_call": contact.do_not_call,
        "address": contact.address,
        "about": contact.about,
    }
