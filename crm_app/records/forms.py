"""Forms about records: those whose simple fields come from a draft, and the one of a note."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l
from wtforms import (
    BooleanField,
    DateField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
    ValidationError,
)  # fmt: skip
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length, Optional

from crm_app.errors import InvalidInputError
from crm_app.journal.models import Note
from crm_app.journal.services import Author, add_note
from crm_app.records.fields import Draft, Field, Kind, fields_of
from crm_app.records.wording import label
from crm_app.text import clean
from crm_app.web import sent_forms
from crm_app.web.conflict import VersionedForm
from crm_app.web.ids import read_id
from crm_app.web.line_ends import PlainLines
from crm_app.web.wording import reason


class NoteForm(PlainLines):
    """A note on any record."""

    text = TextAreaField(_l("Note"))

    def keep(self, record_type: str, record_id: int, by: Author) -> bool:
        """Leave what was typed on a record; False, and the reason in the form, when refused."""
        try:
            text = self.text.data or ""
            sent_forms.made(Note, lambda: add_note(record_type, record_id, text, by))
        except InvalidInputError as error:
            self.text.errors = [reason(error)]
        return not self.text.errors


class DescribedForm(VersionedForm):
    """A form about a record; a subclass names the draft and declares what is not simple."""

    DRAFT: ClassVar[type[Draft]]

    def __init_subclass__(cls, **options: Any) -> None:
        """Add the fields that the draft describes and the class does not declare."""
        super().__init_subclass__(**options)
        for described in fields_of(cls.DRAFT):
            if described.kind in _FORM_FIELDS and not hasattr(cls, described.name):
                setattr(cls, described.name, form_field(described))

    @classmethod
    def contents_of(cls, record: Any) -> dict[str, Any]:
        """Return what the form shows of a record."""
        return {
            described.name: _to_form(described, getattr(record, described.name))
            for described in fields_of(cls.DRAFT)
            if described.kind in _READ and hasattr(cls, described.name)
        }

    @property
    def said(self) -> dict[str, Any]:
        """What the form says about the fields that it has, as the draft takes it."""
        return {
            described.name: _READ[described.kind](self[described.name].data)
            for described in fields_of(self.DRAFT)
            if described.kind in _READ and described.name in self
        }

    def refuse(self, error: InvalidInputError) -> None:
        """Put a refusal of the services beside the field that it is about, else the first one."""
        first = next(one.name for one in fields_of(self.DRAFT) if one.name in self)
        self[error.field if error.field in self else first].errors = [reason(error)]


def form_field(described: Field, *, is_required: bool = True) -> Any:
    """Make the field of a form as it is described; without `is_required` it may stay empty."""
    if not is_required:
        described = replace(described, required="")
    return _FORM_FIELDS[described.kind](described)


def _line(described: Field) -> Any:
    return StringField(label(described), filters=[clean], validators=_limits(described))


def _text(described: Field) -> Any:
    return TextAreaField(label(described), filters=[clean], validators=_limits(described))


def _choice(described: Field) -> Any:
    choices = [SelectChoice(str(value), _l(words)) for value, words in described.choices.items()]
    return RadioField(label(described), choices=choices, default=choices[0].value)


def _day(described: Field) -> Any:
    return DateField(label(described), validators=[Optional(), _check(described)])


def _limits(described: Field) -> list[Any]:
    limits: list[Any] = [DataRequired()] if described.required else []
    return limits + ([Length(max=described.length)] if described.length else [])


def _check(described: Field) -> Callable[[Any, Any], None]:
    def check(_form: Any, field: Any) -> None:
        # What could not be read is refused already, with a sentence of its own.
        code = described.check(field.data) if described.check and field.data is not None else ""
        if code:
            raise ValidationError(reason(InvalidInputError(code, described.name)))

    return check


def _to_form(described: Field, value: Any) -> Any:
    if described.kind in {Kind.PERSON, Kind.RECORD, Kind.CHOICE}:
        return str(value or "")
    return value


_FORM_FIELDS: dict[Kind, Callable[[Field], Any]] = {
    Kind.LINE: _line,
    Kind.TEXT: _text,
    Kind.CHOICE: _choice,
    Kind.FLAG: lambda described: BooleanField(label(described)),
    Kind.DAY: _day,
    Kind.PERSON: lambda described: SelectField(label(described)),
    # Drawn by the picker of contacts, which keeps the id here or the name of one to be made.
    Kind.RECORD: lambda described: StringField(label(described), filters=[clean]),
}
_READ: dict[Kind, Callable[[Any], Any]] = {
    Kind.LINE: str,
    Kind.TEXT: str,
    Kind.CHOICE: str,
    Kind.FLAG: bool,
    Kind.DAY: lambda day: day,
    Kind.PERSON: read_id,
    Kind.RECORD: read_id,
}
