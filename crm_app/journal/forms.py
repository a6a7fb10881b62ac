"""What may be typed as a note on any record."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import TextAreaField


class NoteForm(FlaskForm):
    """A note; `services.add_note` says what is wrong with it."""

    text = TextAreaField(_l("Note"))
