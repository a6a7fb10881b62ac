"""The form of a note on any record."""

from flask_babel import lazy_gettext as _l
from wtforms import TextAreaField

from crm_app.errors import InvalidInputError
from crm_app.journal.models import Note
from crm_app.journal.services import Author, add_note
from crm_app.web import once
from crm_app.web.line_ends import PlainLines
from crm_app.web.wording import reason


class NoteForm(PlainLines):
    """A note on any record."""

    text = TextAreaField(_l("Note"))

    def keep(self, record_type: str, record_id: int, by: Author) -> bool:
        """Leave what was typed on a record; False, and the reason in the form, when refused."""
        try:
            text = self.text.data or ""
            once.made(Note, lambda: add_note(record_type, record_id, text, by))
        except InvalidInputError as error:
            self.text.errors = [reason(error)]
        return not self.text.errors
