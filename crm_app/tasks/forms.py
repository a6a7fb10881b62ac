"""What may be typed about tasks."""

from collections.abc import Iterable, Mapping
from datetime import time
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import pgettext
from flask_wtf import FlaskForm
from sqlalchemy import or_
from wtforms import (
    DateField,
    RadioField,
    SelectField,
    TimeField,
    ValidationError,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Optional

from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb, allowed, find
from crm_app.contacts import picking
from crm_app.contacts.models import Contact
from crm_app.extensions import db
from crm_app.leads.models import Lead, LeadStage, StageKind
from crm_app.local_time import LocalTime
from crm_app.records.fields import field_of
from crm_app.records.forms import DescribedForm, form_field
from crm_app.records.wording import label
from crm_app.tasks.fields import TaskDraft, check_day
from crm_app.tasks.models import Task, on_day
from crm_app.web.display.formatting import choose_timezone
from crm_app.web.ids import read_id

LEADS_OFFERED = 50

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
        """Read the time, and drop the format in which it was typed."""
        super().process_formdata(valuelist)
        if self.data is not None:
            self.data = self.data.replace(second=0, microsecond=0)
            self.raw_data = [self.data.strftime("%H:%M")]


class TaskForm(DescribedForm):
    """A new or changed task."""

    DRAFT = TaskDraft

    due_on = DateField(_l("Day"), validators=[Optional()])
    due_time = MinuteField(_l("Time"), validators=[Optional()])
    lead_id = SelectField(label(field_of(TaskDraft, "lead_id")))

    def offer(self, users: Iterable[User], leads: Iterable[Lead], task: Task | None) -> None:
        """Fill the choices; what the task has already stays choosable."""
        people = {str(user.id): user.name for user in users}
        titles = {str(lead.id): lead.title for lead in leads}
        if task is not None and task.assignee is not None:
            people.setdefault(str(task.assignee_id), task.assignee.name)
        if task is not None and task.lead is not None:
            titles.setdefault(str(task.lead_id), task.lead.title)
        self.assignee_id.choices = [SelectChoice("", _("Nobody")), *_choices(people)]
        self.lead_id.choices = [SelectChoice("", pgettext("lead", "None")), *_choices(titles)]

    def validate_due_time(self, field: TimeField) -> None:
        """Refuse a time without a day."""
        if field.data is not None and self.due_on.data is None and not self.due_on.errors:
            raise ValidationError(_("Choose the day too."))

    def validate_due_on(self, field: DateField) -> None:
        """Refuse a day that no calendar of ours reaches."""
        if field.data is not None and check_day(field.data):
            raise ValidationError(_("There is no such day in our calendar."))

    @classmethod
    def contents_of(cls, task: Task) -> dict[str, Any]:
        """Return what the form shows of a task."""
        zone = LocalTime.of(choose_timezone()).zone
        at = task.due_at.astimezone(zone) if task.due_at and task.has_time else None
        due = {
            "due_on": at.date() if at else task.due_day,
            "due_time": at.time().replace(second=0, microsecond=0) if at else None,
        }
        return {**super().contents_of(task), **due}

    def settle(self, user: User, task: Task | None) -> None:
        """Check the chosen contact; with a lead alone its contact is chosen.

        What is wrong is said on the field.
        """
        contact = picking.chosen(self.contact_id, user, task.contact if task else None)
        if contact is not None or self.contact_id.errors or self.contact_id.data:
            return
        lead = find(Lead, read_id(self.lead_id.data), user, Verb.VIEW)
        if lead is not None:
            # So the form says what will be kept, and agrees with it when it is sent twice.
            self.contact_id.data = str(lead.contact_id or "")

    def draft(self, user: User, task: Task | None) -> TaskDraft:
        """Return what was typed, once it is valid and settled; a new contact is made.

        Raises InvalidInputError with the field's name when that contact is refused.
        """
        contact = picking.make(self.contact_id, user)
        made = {"contact_id": contact.id} if contact else {}
        return TaskDraft(**{**self.said, **made, **self._due(task)})

    def _due(self, task: Task | None) -> dict[str, Any]:
        day, at = self.due_on.data, self.due_time.data
        if task is not None:
            shown = self.contents_of(task)
            # The form shows no seconds, and not which of two 01:30s is meant in the night when
            # summer time ends; what was not touched stays as exact as it was.
            if (day, at) == (shown["due_on"], shown["due_time"]):
                return {"due_at": task.due_at, "has_time": task.has_time}
        if day is None:
            return {"due_at": None, "has_time": False}
        if at is None:
            return {"due_at": on_day(day), "has_time": False}
        local = LocalTime.of(choose_timezone())
        return {"due_at": local.moment(day, at), "has_time": True}


class QuickForm(FlaskForm):
    """A task in one line: what, and one of the usual days."""

    title = form_field(field_of(TaskDraft, "title"))
    due = RadioField(_l("Day"), choices=CHIPS, default="today", validators=[Optional()])

    def draft(self, **about: int | None) -> TaskDraft:
        """Return the task, about a contact or a lead, on the day of the chip where the user is."""
        said: dict[str, Any] = {"title": self.title.data, **about}
        day = LocalTime.of(choose_timezone()).chips().get(self.due.data or "")
        return TaskDraft(**said, due_at=on_day(day) if day else None)


def prefilled(args: Mapping[str, str], user: User) -> dict[str, Any]:
    """Read what a link to the form already knows: title, contact_id, lead_id, due (a chip)."""
    lead = find(Lead, read_id(args.get("lead_id")), user, Verb.VIEW)
    contact = find(Contact, read_id(args.get("contact_id")), user, Verb.VIEW)
    if contact is None and lead is not None:
        contact = lead.contact
    return {
        "title": field_of(TaskDraft, "title").fitting(args.get("title")),
        "due_on": LocalTime.of(choose_timezone()).chips().get(args.get("due", "")),
        "assignee_id": str(user.id),
        "contact_id": str(contact.id) if contact else "",
        "lead_id": str(lead.id) if lead else "",
    }


def leads_for(form: TaskForm, user: User) -> list[Lead]:
    """List the leads to choose from: the chosen one, the contact's open ones, one's own."""
    mine = [Lead.responsible_id == user.id]
    contact_id, lead_id = read_id(form.contact_id.data), read_id(form.lead_id.data)
    wanted = mine + ([Lead.contact_id == contact_id] if contact_id else [])
    statement = allowed(user, Lead, Verb.VIEW).join(Lead.stage)
    open_ones = statement.where(or_(*wanted), LeadStage.kind == StageKind.OPEN)
    newest = open_ones.order_by(Lead.created_at.desc(), Lead.id.desc()).limit(LEADS_OFFERED)
    chosen = find(Lead, lead_id, user, Verb.VIEW)
    found = list(db.session.scalars(newest))
    return found if chosen is None or chosen in found else [chosen, *found]


def _choices(names: dict[str, str]) -> list[SelectChoice]:
    return [SelectChoice(value, name) for value, name in names.items()]
