"""What may be asked of the call log."""

from collections.abc import Iterable
from datetime import timedelta

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField, SelectField, StringField
from wtforms.validators import Length, Optional

from crm_app.accounts.colleagues import Colleague
from crm_app.calls.listing import CallFilter
from crm_app.calls.wording import DIRECTIONS, STATUSES
from crm_app.contacts.models import Contact
from crm_app.local_time import FIRST_DAY, LAST_DAY, LocalTime
from crm_app.text import clean
from crm_app.web.display.formatting import choose_timezone, phone
from crm_app.web.ids import read_id


class FilterForm(FlaskForm):
    """What the list is narrowed by; it lives in the address, so it has no token."""

    class Meta:
        """Read from the query, where a token would only be copied around."""

        csrf = False

    direction = SelectField(_l("Direction"), validators=[Optional()])
    result = SelectField(_l("Result"), validators=[Optional()])
    user = SelectField(_l("Colleague"), validators=[Optional()])
    line = SelectField(_l("Line"), validators=[Optional()])
    client = StringField(_l("Client"), filters=[clean], validators=[Length(max=200)])
    since = DateField(_l("From"), validators=[Optional()])
    until = DateField(_l("Until"), validators=[Optional()])

    def offer(self, users: Iterable[Colleague], lines: Iterable[str]) -> None:
        """Fill the choices."""
        anything = [("", _("All"))]
        self.direction.choices = anything + [(k, str(w)) for k, (w, _icon) in DIRECTIONS.items()]
        self.result.choices = anything + [(k, str(w)) for k, (w, _colour) in STATUSES.items()]
        self.user.choices = anything + [(str(user.id), user.name) for user in users]
        self.line.choices = anything + [(line, phone(line)) for line in lines]

    def wanted(self, contact: Contact | None, number: str = "") -> CallFilter:
        """Give the filter; when something was asked that cannot be, no call fits."""
        local = LocalTime.of(choose_timezone())
        if not self.validate():
            # Everything began after this.
            return CallFilter(contact=contact, number=number, until=local.midnight(FIRST_DAY))
        since, until = self.since.data, self.until.data
        return CallFilter(
            direction=self.direction.data or "",
            status=self.result.data or "",
            user_id=read_id(self.user.data),
            did=self.line.data or "",
            contact=contact,
            number=number.replace("\x00", "")[:40],
            since=local.midnight(since) if since else None,
            until=local.midnight(until + timedelta(days=1)) if until and until < LAST_DAY else None,
        )
