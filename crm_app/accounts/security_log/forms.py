"""The filter above the list of security events."""

from collections.abc import Iterable
from datetime import timedelta

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Optional

from crm_app.accounts.colleagues import Colleague
from crm_app.accounts.security_log import wording
from crm_app.accounts.security_log.listing import REFUSED, EventFilter
from crm_app.local_time import FIRST_DAY, LAST_DAY, LocalTime
from crm_app.web.display.formatting import choose_timezone
from crm_app.web.ids import read_id


class SecurityFilterForm(FlaskForm):
    """The filter of the list of security events; its values are in the address, without a token."""

    class Meta:
        """Read from the query; a CSRF token there would only be copied with the address."""

        csrf = False

    kind = SelectField(_l("What happened"), validators=[Optional()])
    user = SelectField(_l("Person"), validators=[Optional()])
    since = DateField(_l("From"), validators=[Optional()])
    until = DateField(_l("To"), validators=[Optional()])

    def offer(self, users: Iterable[Colleague]) -> None:
        """Fill the choices."""
        anything = SelectChoice("", _("All"))
        self.user.choices = [anything, *(SelectChoice(str(user.id), user.name) for user in users)]
        self.kind.choices = [
            anything,
            SelectChoice(REFUSED, _("All refusals")),
            *(
                SelectChoice(kind.value, str(words), optgroup=str(heading))
                for heading, kinds in wording.GROUPS.items()
                for kind, words in kinds.items()
            ),
        ]

    @property
    def is_narrowed(self) -> bool:
        """Whether any filter is set."""
        return any(field.raw_data and field.raw_data[0] for field in self)

    def wanted(self) -> EventFilter:
        """Return the filter; with an impossible value it matches no event."""
        local = LocalTime.of(choose_timezone())
        if not self.validate():
            return EventFilter(until=local.midnight(FIRST_DAY))
        since, until = self.since.data, self.until.data
        return EventFilter(
            kind=self.kind.data or "",
            user_id=read_id(self.user.data),
            since=local.midnight(since) if since else None,
            until=local.midnight(until + timedelta(days=1)) if until and until < LAST_DAY else None,
        )
