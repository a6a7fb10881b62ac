"""Normalises names and e-mails of users before they are stored, compared or counted."""

from crm_app import email_addresses
from crm_app.errors import InvalidInputError
from crm_app.text import clean, required

NAME_LENGTH = 120
TEAM_LENGTH = 60


def email(value: str | None) -> str:
    """Return the form of an e-mail by which an account is found."""
    return clean(value).lower()


def new_email(value: str | None) -> str:
    """Return an e-mail that an account gets; raises InvalidInputError on `email`: email_invalid."""
    address = email(value)
    if not email_addresses.is_address(address) or len(address) > email_addresses.MAX_LENGTH:
        raise InvalidInputError("email_invalid", "email")
    return address


def name(value: str | None) -> str:
    """Return a person's name; raises InvalidInputError on `name`: name_empty or name_long."""
    text = required(value or "", "name_empty", "name")
    if len(text) > NAME_LENGTH:
        raise InvalidInputError("name_long", "name", maximum=NAME_LENGTH)
    return text
