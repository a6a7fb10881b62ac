"""What can be said about a contact."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from pydantic import AfterValidator

from crm_app import email_addresses, phone_numbers
from crm_app.contacts.models import Contact, ContactKind, PhoneKind
from crm_app.errors import InvalidInputError
from crm_app.records.fields import Draft, Field, Kind, check_past
from crm_app.text import N_, clean

KIND_NAMES = {ContactKind.PERSON: N_("Person"), ContactKind.COMPANY: N_("Company")}
PHONE_KIND_NAMES = {
    PhoneKind.MOBILE: N_("Mobile"),
    PhoneKind.WORK: N_("Work"),
    PhoneKind.HOME: N_("Home"),
    PhoneKind.OTHER: N_("Other"),
}


@dataclass(frozen=True, slots=True)
class PhoneDraft:
    """A number as it is stored: E.164 or short, where it rings, whether it is called first."""

    number: str
    kind: PhoneKind = PhoneKind.MOBILE
    is_main: bool = False

    def __post_init__(self) -> None:
        """Refuse what no column of ours holds; raises InvalidInputError (number_not_a_number)."""
        if not phone_numbers.can_be_stored(self.number):
            raise InvalidInputError("number_not_a_number", "phones", number=self.number)
        if self.kind not in set(PhoneKind):
            raise InvalidInputError("choice_unknown", "phones")


def _address(text: str) -> str:
    address = clean(text)
    if not email_addresses.is_address(address) or len(address) > email_addresses.MAX_LENGTH:
        raise InvalidInputError("email_invalid", "emails")
    return address


class ContactDraft(Draft):
    """What is said about a contact."""

    record = Contact

    kind: Annotated[ContactKind, Field(N_("Kind"), Kind.CHOICE, choices=KIND_NAMES)] = (
        ContactKind.PERSON
    )
    name: Annotated[str, Field(N_("Name"), length=200, required="name_empty", is_searched=True)] = (
        ""
    )
    company_id: Annotated[int | None, Field(N_("Company"), Kind.RECORD)] = None
    job_title: Annotated[str, Field(N_("Job title"), length=120, is_searched=True)] = ""
    birthday: Annotated[date | None, Field(N_("Birthday"), Kind.DAY, check=check_past)] = None
    phones: Annotated[list[PhoneDraft], Field(N_("Phones"), Kind.ROWS)] = []
    emails: Annotated[
        list[Annotated[str, AfterValidator(_address)]], Field(N_("E-mails"), Kind.ROWS)
    ] = []
    responsible_id: Annotated[int | None, Field(N_("Responsible"), Kind.PERSON)] = None
    do_not_call: Annotated[bool, Field(N_("Do not call"), Kind.FLAG)] = False
    address: Annotated[str, Field(N_("Address"), Kind.TEXT, length=2_000)] = ""
    about: Annotated[str, Field(N_("About"), Kind.TEXT, length=10_000)] = ""
