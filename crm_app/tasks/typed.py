"""From the typed form to a task and back: which day, for whom, about which contact or lead."""

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import or_

from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb, allowed, find
from crm_app.contacts import picking
from crm_app.contacts.models import Contact
from crm_app.extensions import db
from crm_app.leads.models import Lead, LeadStage, StageKind
from crm_app.local_time import LocalTime
from crm_app.tasks.forms import QuickForm, TaskForm
from crm_app.tasks.models import Task, on_day
from crm_app.tasks.services import TaskDetails
from crm_app.text import clean
from crm_app.web.display.formatting import choose_timezone
from crm_app.web.ids import read_id

LEADS_OFFERED = 50


def prefilled(args: Mapping[str, str], local: LocalTime, user: User) -> dict[str, Any]:
    """Read what a link to the form already knows: title, contact_id, lead_id, due (a chip)."""
    lead = find(Lead, read_id(args.get("lead_id")), user, Verb.VIEW)
    contact = find(Contact, read_id(args.get("contact_id")), user, Verb.VIEW)
    if contact is None and lead is not None:
        contact = lead.contact
    return {
        "title": clean(args.get("title"))[:200],
        "due_on": local.chips().get(args.get("due", "")),
        "assignee_id": str(user.id),
        "contact_id": str(contact.id) if contact else "",
        "lead_id": str(lead.id) if lead else "",
    }


def contents_of(task: Task, local: LocalTime) -> dict[str, Any]:
    """Give what the form shows of a task."""
    at = task.due_at.astimezone(local.zone) if task.due_at and task.has_time else None
    return {
        "title": task.title,
        "due_on": at.date() if at else task.due_day,
        "due_time": at.time().replace(second=0, microsecond=0) if at else None,
        "assignee_id": str(task.assignee_id or ""),
        "contact_id": str(task.contact_id or ""),
        "lead_id": str(task.lead_id or ""),
        "about": task.about,
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


def quick_details(form: QuickForm, contact: Contact | None = None) -> TaskDetails:
    """Give the due day that a chip means, where the user is, and the contact of the list."""
    day = LocalTime.of(choose_timezone()).chips().get(form.due.data or "")
    about: TaskDetails = {"contact_id": contact.id} if contact else {}
    return {**about, "due_at": on_day(day)} if day else about


def details(form: TaskForm, local: LocalTime, user: User, task: Task | None) -> TaskDetails:
    """Give what the form says about a task, as the services take it.

    What is wrong is said on the form's fields.
    """
    picking.settle(form.contact_id, user)
    lead_id, contact_id = read_id(form.lead_id.data), read_id(form.contact_id.data)
    is_new = bool(picking.new_name(form.contact_id.data))
    lead = find(Lead, lead_id, user, Verb.VIEW)
    contact = find(Contact, contact_id, user, Verb.VIEW)
    if contact is None and task is not None and contact_id == task.contact_id:
        contact = task.contact
    if form.contact_id.data and contact is None and not is_new:
        form.contact_id.errors = [_("This contact cannot be chosen.")]
    if contact is None and lead is not None and not is_new and not form.contact_id.errors:
        contact = lead.contact
        # So the form says what will be kept, and agrees with it when it is sent twice.
        form.contact_id.data = str(lead.contact_id or "")
    assignee_id = read_id(form.assignee_id.data)
    return {
        "assignee": db.session.get(User, assignee_id) if assignee_id else None,
        "contact_id": contact.id if contact else None,
        "lead_id": lead_id if lead or (task and task.lead_id == lead_id) else None,
        "about": form.about.data,
        **_due(form, local, task),
    }


def with_new_contact(details: TaskDetails, form: TaskForm, user: User) -> TaskDetails:
    """Give the same with the contact that the form names and that is still to be made; flushed."""
    contact = picking.make(form.contact_id, user)
    return {**details, "contact_id": contact.id} if contact else details


def _due(form: TaskForm, local: LocalTime, task: Task | None) -> TaskDetails:
    day, at = form.due_on.data, form.due_time.data
    if task is not None:
        shown = contents_of(task, local)
        # The form shows no seconds, and not which of two 01:30s is meant in the night when summer
        # time ends; what was not touched stays as exact as it was.
        if (day, at) == (shown["due_on"], shown["due_time"]):
            return {"due_at": task.due_at, "has_time": task.has_time}
    if day is None:
        return {"due_at": None, "has_time": False}
    if at is None:
        return {"due_at": on_day(day), "has_time": False}
    return {"due_at": local.moment(day, at), "has_time": True}
