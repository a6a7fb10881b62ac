"""Valid sample records, for the demo office and for the tests."""

import itertools
import uuid
from typing import Any

from flask_security import hash_password

from crm_app import clock, phone_numbers, search_text
from crm_app.accounts.models import Role, User
from crm_app.contacts.fields import ContactDraft, PhoneDraft
from crm_app.contacts.models import Contact, PhoneKind
from crm_app.contacts.services import create_contact
from crm_app.extensions import db
from crm_app.leads import services as lead_services
from crm_app.leads.models import Lead, LeadStage, StageKind
from crm_app.tasks.models import Task, on_day

_counter = itertools.count(1)


def _kind_of(number: str) -> PhoneKind:
    return PhoneKind.WORK if number.startswith("+3512") else PhoneKind.MOBILE


def make_user(
    name: str = "", *, role: Role = Role.AGENT, password: str = "", **values: Any
) -> User:
    """Add and commit a user who can sign in (without a password when none is given)."""
    name = name or f"User {next(_counter)}"
    user = User(
        name=name,
        email=values.pop("email", f"{search_text.normalise(name).replace(' ', '.')}@example.com"),
        role=role,
        active=values.pop("active", True),
        password=hash_password(password) if password else None,
        fs_uniquifier=uuid.uuid4().hex,
        **values,
    )
    db.session.add(user)
    db.session.commit()
    return user


def make_contact(
    name: str = "", *, phones: tuple[str, ...] = (), emails: tuple[str, ...] = (), **values: Any
) -> Contact:
    """Add and commit a contact; the first of its numbers (any format) is the main one."""
    for name_of_record in {"responsible", "company"} & values.keys():
        values[f"{name_of_record}_id"] = values.pop(name_of_record).id
    said = {name: values.pop(name) for name in ContactDraft.model_fields.keys() & values.keys()}
    draft = ContactDraft(
        name=name or f"Contact {next(_counter)}",
        phones=[
            PhoneDraft(number, _kind_of(number), is_main=index == 0)
            for index, number in enumerate(phone_numbers.parse(phone, "PT") for phone in phones)
        ],
        emails=list(emails),
        **said,
    )
    contact = create_contact(draft, by=None)
    for column, value in values.items():
        setattr(contact, column, value)
    db.session.commit()
    return contact


def make_lead(title: str = "", *, stage: LeadStage | None = None, **values: Any) -> Lead:
    """Add and commit a lead, in the first open stage of the pipeline when none is given."""
    if stage is None and "stage_id" not in values:
        lead_services.ensure_stages()
        stage = lead_services.first_stage(StageKind.OPEN)
    if stage is not None:
        values["stage"] = stage
    lead = Lead(title=title or f"Lead {next(_counter)}", **values)
    db.session.add(lead)
    db.session.flush()
    if lead.stage.kind != StageKind.OPEN and lead.closed_at is None:
        lead.closed_at = clock.now()
    lead.search_text = lead_services.searchable(lead, lead.contact)
    db.session.commit()
    return lead


def make_task(title: str = "", **values: Any) -> Task:
    """Add and commit a task; `due_on` (a day) makes it due some time on that day."""
    if "due_on" in values:
        values["due_at"] = on_day(values.pop("due_on"))
    task = Task(title=title or f"Task {next(_counter)}", **values)
    db.session.add(task)
    db.session.commit()
    return task
