"""What is written about a client who was made of a call, in the language of whom it is for."""

from dataclasses import dataclass

from flask_babel import force_locale
from flask_babel import gettext as _

from crm_app import phone_numbers
from crm_app.accounts.models import User
from crm_app.calls.models import Call
from crm_app.calls.wording import SOURCE_WORDS
from crm_app.web.display.formatting import LOCALES


@dataclass(frozen=True, slots=True)
class Defaults:
    """Language and country for somebody who has chosen none."""

    language: str
    country: str


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of a new contact and lead; `name` stands until somebody types one."""

    name: str
    title: str
    source: str
    about: str


def texts(call: Call, reader: User | None, defaults: Defaults) -> Texts:
    """Word a caller whom nobody knows: number, source and our line."""
    language = (reader.language if reader is not None else None) or defaults.language
    # In one form for all offices: it must be found in the title when the name is typed.
    name = phone_numbers.show(call.outside_number, "")
    line = phone_numbers.show(call.did, defaults.country)
    with force_locale(LOCALES[language]):
        return Texts(
            name=name,
            title=_("Enquiry by phone – %(name)s", name=name),
            source=str(SOURCE_WORDS["incoming_call"]),
            about=_("Line %(number)s", number=line) if line else "",
        )
