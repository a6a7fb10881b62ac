"""The form of the opening hours, and what is wrong with what was typed."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import StringField, TextAreaField
from wtforms.validators import Length

from crm_app.errors import InvalidInputError
from crm_app.web.line_ends import PlainLines

_DAY = {"validators": [Length(max=120)], "filters": [lambda text: (text or "").strip()]}


class HoursForm(PlainLines):
    """The hours of each weekday, and the days on which nobody works."""

    monday = StringField(_l("Monday"), **_DAY)
    tuesday = StringField(_l("Tuesday"), **_DAY)
    wednesday = StringField(_l("Wednesday"), **_DAY)
    thursday = StringField(_l("Thursday"), **_DAY)
    friday = StringField(_l("Friday"), **_DAY)
    saturday = StringField(_l("Saturday"), **_DAY)
    sunday = StringField(_l("Sunday"), **_DAY)
    holidays = TextAreaField(
        _l("Holidays"),
        validators=[Length(max=8_000)],
        filters=[lambda text: (text or "").strip()],
    )


def hours_sentence(error: InvalidInputError) -> str:
    """Say what is wrong with what was typed."""
    sentences = {
        "hours_unreadable": _("Type hours as 09:00-13:00, 14:00-18:00."),
        "hours_backwards": _("This ends before it begins."),
        "hours_overlap": _("These hours overlap."),
        "holiday_unreadable": _(
            "“%(line)s” is no day. Type each one as 2026-12-25, in a line of its own.",
            line=error.details.get("line", ""),
        ),
        "too_many_holidays": _(
            "There can be %(most)s holidays at most.", most=error.details.get("most", "")
        ),
    }
    return str(sentences[error.code])
