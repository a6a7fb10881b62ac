"""What may be typed about tasks."""

from collections.abc import Iterable
from datetime import time
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    DateField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
    TimeField,
    ValidationError,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length, Optional

from crm_app.accounts.models import User
from crm_app.leads.models import Lead
from crm_app.tasks.models import Task
from crm_app.text import clean
from crm_app.web.conflict import VersionedForm

CHIPS = [
    SelectChoice("", _l("No day")),
    SelectChoice("today", _l("Today")),
    SelectChoice("tomorrow", _l("Tomorrow")),
    SelectChoice("monday", _l("Monday")),
    SelectChoice("week", _l("In a week")),
]


class MinuteField(TimeField):
    """A time of day to the minute; some browsers send seconds too, which count for nothing."""

    data: time | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, format=["%H:%M", "%H:%M:%S", "%H:%M:%S.%f"], **kwargs)

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the time, and forget in which of its writings it came."""
        super().process_formdata(valuelist)
        if self.data is not None:
            self.data = self.data.replace(second=0, microsecond=0)
            self.raw_data = [self.data.strftime("%H:%M")]


class TaskForm(VersionedForm):
    """A new or changed task."""

    title = StringField(_l("Task"), filters=[clean], validators=[DataRequired(), Length(max=200)])
    due_on = DateField(_l("Day"), validators=[Optional()])
    due_time = MinuteField(_l("Time"), validators=[Optional()])
    assignee_id = SelectField(_l("For"))
    contact_id = StringField(_l("Contact"), filters=[clean])
    lead_id = SelectField(_l("Lead"))
    about = TextAreaField(_l("About"), filters=[clean], validators=[Length(max=10_000)])

    def offer(self, users: Iterable[User], leads: Iterable[Lead], task: Task | None) -> None:
        """Fill the choices; what the task has already stays choosable."""
        people = {str(user.id): user.name for user in users}
        titles = {str(lead.id): lead.title for lead in leads}
        if task is not None and task.assignee is not None:
            people.setdefault(str(task.assignee_id), task.assignee.name)
        if task is not None and task.lead is not None:
            titles.setdefault(str(task.lead_id), task.lead.title)
        self.assignee_id.choices = [SelectChoice("", _("Nobody")), *_choices(people)]
        self.lead_id.choices = [SelectChoice("", _("None")), *_choices(titles)]

    def validate_due_time(self, field: TimeField) -> None:
        """Refuse a time without a day."""
        if field.data is not None and self.due_on.data is None and not self.due_on.errors:
            raise ValidationError(_("Choose the day too."))

    def validate_due_on(self, field: DateField) -> None:
        """Refuse a day that no calendar of ours reaches."""
        if field.data is not None and not 1970 <= field.data.year <= 2999:
            raise ValidationError(_("There is no such day in our calendar."))


class QuickForm(FlaskForm):
    """A task in one line: what, and one of the usual days."""

    title = StringField(_l("Task"), filters=[clean], validators=[DataRequired(), Length(max=200)])
    due = RadioField(_l("Day"), choices=CHIPS, default="today", validators=[Optional()])


def _choices(names: dict[str, str]) -> list[SelectChoice]:
    return [SelectChoice(value, name) for value, name in names.items()]
