"""The form of an absence."""

from datetime import datetime, time
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField, SelectField, TimeField, ValidationError
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Optional

from crm_app.accounts.models import User
from crm_app.accounts.presence import services
from crm_app.local_time import FIRST_DAY, LAST_DAY, LocalTime
from crm_app.web.display.formatting import choose_timezone, when
from crm_app.web.ids import read_id


class AwayForm(FlaskForm):
    """Until when somebody is away, and who stands in for them; all of it may stay empty."""

    until_on = DateField(_l("Away until"), validators=[Optional()])
    until_time = TimeField(_l("Time"), validators=[Optional()])
    deputy = SelectField(_l("Deputy"))

    @classmethod
    def of(cls, user: User) -> "AwayForm":
        """Make the form for a user, filled with what holds now."""
        now = services.state_of(user)
        local = now.until.astimezone(LocalTime.of(choose_timezone()).zone) if now.until else None
        is_away = now.kind == "away"
        form = cls(
            until_on=local.date() if local and is_away else None,
            until_time=local.time() if local and is_away else None,
            deputy=str(now.deputy.id) if now.deputy else "",
        )
        form.deputy.choices = [
            SelectChoice("", _("Nobody")),
            *(SelectChoice(str(one.id), _name(one)) for one in services.deputies_of(user)),
        ]
        return form

    @property
    def until(self) -> datetime | None:
        """Return the moment that was typed; a day alone means its beginning, today its end."""
        day = self.until_on.data
        if day is None:
            return None
        local = LocalTime.of(choose_timezone())
        if self.until_time.data is None and day == local.today:
            return local.day_ends_at
        at = (self.until_time.data or time.min).replace(second=0, microsecond=0)
        return local.moment(min(max(day, FIRST_DAY), LAST_DAY), at)

    @property
    def deputy_id(self) -> int | None:
        """Return who was chosen."""
        return read_id(self.deputy.data)

    def validate_until_time(self, field: Any) -> None:
        """Refuse a time without a day."""
        if field.data is not None and self.until_on.data is None:
            raise ValidationError(_("Choose the day too."))


def _name(user: User) -> str:
    if not services.is_away_now(user):
        return user.name
    if user.away_until is None:
        return str(_("%(name)s (away)", name=user.name))
    return str(_("%(name)s (away until %(when)s)", name=user.name, when=when(user.away_until)))
