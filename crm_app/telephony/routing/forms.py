"""The forms of the black list and of the preview."""

from datetime import datetime, time
from typing import Any

from flask import current_app, request
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField, StringField, TimeField
from wtforms.validators import DataRequired, Length, Optional

from crm_app import clock
from crm_app.local_time import FIRST_DAY, LAST_DAY, LocalTime
from crm_app.telephony.routing.black_list import REASON_LENGTH
from crm_app.text import clean
from crm_app.web.display.formatting import choose_timezone


class BlockForm(FlaskForm):
    """A number or a prefix, why its calls are refused, and until when."""

    number = StringField(
        _l("Number"),
        filters=[clean],
        validators=[DataRequired(_l("Enter a number.")), Length(max=60)],
        render_kw={"inputmode": "tel", "autocomplete": "off"},
    )
    reason = StringField(_l("Reason"), filters=[clean], validators=[Length(max=REASON_LENGTH)])
    until_on = DateField(_l("Until"), validators=[Optional()])

    @property
    def is_confirmed(self) -> bool:
        """Whether the question was answered for this prefix: another is asked about again."""
        # Its button sends what was asked about.
        answered = request.form.get("confirm", "")
        return bool(answered) and answered == self.number.data

    @property
    def until(self) -> datetime | None:
        """Return the moment at which the chosen day is over in the office."""
        if self.until_on.data is None:
            return None
        # Calls are refused for the whole office.
        office: str = current_app.config["DEFAULT_TIMEZONE"]
        return LocalTime.of(office).day_over(self.until_on.data)


class PreviewForm(FlaskForm):
    """Who rings, on which line, and when; all but the number may stay empty."""

    number = StringField(
        _l("If this number rang"),
        filters=[clean],
        validators=[Length(max=60)],
        render_kw={"inputmode": "tel", "autocomplete": "off", "placeholder": "+351 912 345 678"},
    )
    line = StringField(
        _l("on the line"),
        filters=[clean],
        validators=[Length(max=60)],
        render_kw={"inputmode": "tel", "list": "lines-of-office"},
    )
    at_on = DateField(_l("on the day"), validators=[Optional()])
    at_time = TimeField(_l("at"), validators=[Optional()])

    class Meta:
        """It only asks."""

        csrf = False

    @property
    def at(self) -> datetime | None:
        """Return the moment that was chosen, None for now."""
        if self.at_on.data is None and self.at_time.data is None:
            return None
        local = LocalTime.of(choose_timezone())
        here = clock.now().astimezone(local.zone)
        day: Any = min(max(self.at_on.data or here.date(), FIRST_DAY), LAST_DAY)
        at: time = self.at_time.data or here.time()
        return local.moment(day, at)
