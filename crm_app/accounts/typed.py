"""What is typed about a person, in the one form in which it is stored, compared and counted."""

from crm_app.errors import InvalidInputError

NAME_LENGTH = 120


def cleaned(value: str | None) -> str:
    """Take out what nobody meant to type: outer spaces and NUL, which PostgreSQL refuses."""
    return (value or "").replace("\x00", "").strip()


def email(value: str | None) -> str:
    """Give the form of an e-mail by which an account is found."""
    return cleaned(value).lower()


def name(value: str | None) -> str:
    """Give a person's name; raises InvalidInputError on `name`: name_empty or name_long."""
    text = cleaned(value)
    if not text:
        raise InvalidInputError("name_empty", "name")
    if len(text) > NAME_LENGTH:
        raise InvalidInputError("name_long", "name", maximum=NAME_LENGTH)
    return text
