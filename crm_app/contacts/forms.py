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
    SelectField,
    StringField,
    ValidationError,
)  # fmt: skip
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length, Optional

from crm_app import email_addresses, phone_numbers
from crm_app.accounts.models import User
from crm_app.contacts import fields
from crm_app.contacts.fields import ContactDraft, PhoneDraft
from crm_app.contacts.models import Contact, PhoneKind
from crm_app.contacts.rows import MOST_SENT, Rows
from crm_app.errors import InvalidInputError
from crm_app.records.forms import DescribedForm
from crm_app.records.wording import translated
from crm_app.text import clean
from crm_app.web.display.formatting import phone as show_number
from crm_app.web.email_address import OfficeEmail
from crm_app.web.wording import doubt, reason

KIND_NAMES = translated(fields.KIND_NAMES)
PHONE_KIND_NAMES = translated(fields.PHONE_KIND_NAMES)


def choices(names: Mapping[Any, Any]) -> list[SelectChoice]:
    """Offer what a mapping of values to words holds."""
    return [SelectChoice(str(value), words) for value, words in names.items()]


def as_shown(number: str) -> str:
    """Format a number as it is shown, so that one typed in another format gives the same text."""
    try:
        return show_number(phone_numbers.parse(number, current_app.config["DEFAULT_COUNTRY"]))
    except InvalidInputError:
        return number


class PhoneForm(Form):
    """One row of the numbers; a row without a number counts for nothing."""

    number = StringField(
        _l("Number"), filters=[clean, as_shown], validators=[Optional(), Length(max=60)]
    )
    kind = SelectField(
        _l("Kind of number"), choices=choices(PHONE_KIND_NAMES), default=PhoneKind.MOBILE
    )
    # Called first: sent as a radio button of the whole form, kept with its row.
    is_main = BooleanField()

    e164 = ""
    # Numbers that are stored with the contact or came from the PBX: never refused.
    known: Collection[str] = ()

    @property
    def warning(self) -> str:
        """Return the warning about a number that is accepted anyway, "" for none."""
        try:
            return doubt(self._read().doubt) if self.number.data else ""
        except InvalidInputError:
            return ""

    @property
    def known_number(self) -> str:
        """Return the number as it would be stored, "" while it cannot be read."""
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
        validators=[
            Optional(),
            Length(max=email_addresses.MAX_LENGTH),
            OfficeEmail(_l("This is not an e-mail address.")),
        ],
    )


class ContactForm(DescribedForm):
    """A new or changed contact."""

    DRAFT = ContactDraft

    phones = Rows(FormField(PhoneForm), counts_by="number", main_by="main_phone")
    emails = Rows(FormField(EmailForm), counts_by="address")
    makes_new = BooleanField(_l("Add a new contact anyway"))

    def offer(self, users: Iterable[User], contact: Contact | None) -> None:
        """Offer who can be responsible; the present one can always be chosen."""
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

    def draft(self) -> ContactDraft:
        """Return what was typed, once it is valid."""
        phones = [
            PhoneDraft(row.e164, PhoneKind(row.kind.data), row.is_main.data)
            for row in self.phones.filled
        ]
        emails = [row.address.data for row in self.emails.filled]
        return ContactDraft(**self.said, phones=phones, emails=emails)

    @classmethod
    def contents_of(cls, contact: Contact) -> dict[str, Any]:
        """Return what the form shows of a contact."""
        phones = [
            {
                "number": show_number(phone.number),
                "kind": str(phone.kind),
                "is_main": phone == contact.main_phone,
            }
            for phone in contact.phones
        ]
        emails = [{"address": email.address} for email in contact.emails]
        return {**super().contents_of(contact), "phones": phones, "emails": emails}
