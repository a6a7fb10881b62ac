"""The office's own texts for messages, with places for names. No verb here commits."""

import re
from collections.abc import Mapping, Sequence

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from crm_app.accounts.models import User
from crm_app.contacts.models import Contact
from crm_app.errors import InvalidInputError, NotFoundError
from crm_app.extensions import db
from crm_app.journal import services as journal
from crm_app.journal.kinds import ONLY, RecordKind
from crm_app.journal.values import change
from crm_app.telephony.messages.models import (
    TEMPLATE_LENGTH,
    TEMPLATE_NAME_LENGTH,
    MessageTemplate,
)
from crm_app.text import required

PLACES = ("name", "company", "me")
MOST = 50
_PLACE = re.compile(r"\{([a-z]+)\}")
_BRACES = re.compile(r"[{}]")
_BEFORE_SIGN = re.compile(r"[ \t]+(?=[,.;:!?])")
_SPACES = re.compile(r"[ \t]{2,}")


def everything() -> Sequence[MessageTemplate]:
    """List the office's texts by name."""
    return db.session.scalars(select(MessageTemplate).order_by(MessageTemplate.name)).all()


def fetch(template_id: int) -> MessageTemplate:
    """Fetch one; raises NotFoundError."""
    found = db.session.get(MessageTemplate, template_id)
    if found is None:
        raise NotFoundError
    return found


def add(name: str, text: str, by: User) -> MessageTemplate:
    """Add a text; flushed.

    Raises InvalidInputError on `name` (required, too_long, name_taken) or `text` (required,
    too_long, place_unknown with `place`, brace_alone), and too_many_templates on `name`.
    """
    values = _checked(name, text)
    if (db.session.scalar(select(func.count()).select_from(MessageTemplate)) or 0) >= MOST:
        raise InvalidInputError("too_many_templates", "name", most=MOST)
    template = MessageTemplate(**values)
    _keep(template, values)
    _write_down("template_added", by, None, template.name)
    return template


def revise(template: MessageTemplate, name: str, text: str, by: User) -> None:
    """Change a text; flushed. Raises InvalidInputError as `add` does."""
    before, values = template.name, _checked(name, text)
    if (template.name, template.text) == (values["name"], values["text"]):
        return
    _keep(template, values)
    _write_down("template_changed", by, before, template.name)


def remove(template: MessageTemplate, by: User) -> None:
    """Delete a text; messages that were made of it stay."""
    name = template.name
    db.session.delete(template)
    db.session.flush()
    _write_down("template_removed", by, name, None)


def fill(text: str, contact: Contact | None, user: User) -> str:
    """Put names into a text; for what is not known nothing is put, nor a space in its place."""
    company = (contact.company or contact) if contact is not None else None
    is_company = company is not None and (company is not contact or company.kind == "company")
    values = {
        "name": contact.name if contact is not None and contact.is_named else "",
        "company": company.name if company is not None and is_company else "",
        "me": user.name,
    }
    filled = _PLACE.sub(lambda found: values.get(found[1], ""), text)
    return _SPACES.sub(" ", _BEFORE_SIGN.sub("", filled)).strip()


def _checked(name: str, text: str) -> dict[str, str]:
    words = required(text, "required", "text", TEMPLATE_LENGTH)
    for place in _PLACE.findall(words):
        if place not in PLACES:
            raise InvalidInputError("place_unknown", "text", place=place)
    if _BRACES.search(_PLACE.sub("", words)):
        raise InvalidInputError("brace_alone", "text")
    return {"name": required(name, "required", "name", TEMPLATE_NAME_LENGTH), "text": words}


def _keep(template: MessageTemplate, values: Mapping[str, str]) -> None:
    try:
        with db.session.begin_nested():
            template.name, template.text = values["name"], values["text"]
            db.session.add(template)
    except IntegrityError:
        raise InvalidInputError("name_taken", "name") from None


def _write_down(action: str, by: User, before: str | None, after: str | None) -> None:
    shown = {"template": change(before, after)}
    journal.record(RecordKind.TELEPHONY, ONLY, action, by, shown)
