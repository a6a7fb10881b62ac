"""No text that is longer than its column gets into it, through whatever service it comes.

SQLite would store it all the same, and PostgreSQL fail without a word for the user.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import String, func, select

from crm_app import clock
from crm_app.accounts import services as accounts
from crm_app.accounts import wording as words_of_accounts
from crm_app.accounts.models import Role, User
from crm_app.calls.models import Call
from crm_app.calls.wrapup import outcomes
from crm_app.calls.wrapup import services as wrapup
from crm_app.calls.wrapup.services import WrittenUp
from crm_app.contacts import services as contacts
from crm_app.contacts.fields import ContactDraft, PhoneDraft
from crm_app.contacts.models import Contact, PhoneKind
from crm_app.contacts.numbers import not_this_person
from crm_app.demo import make_contact, make_lead, make_task
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.journal import services as journal
from crm_app.leads import services as leads
from crm_app.leads import stages
from crm_app.leads.fields import LeadDraft
from crm_app.leads.models import Lead, StageKind
from crm_app.talks import services as talks
from crm_app.talks.models import TalkKind
from crm_app.talks.services import TalkDraft
from crm_app.tasks import services as tasks
from crm_app.tasks.fields import TaskDraft
from crm_app.tasks.models import Task
from crm_app.telephony.messages import templates
from crm_app.web.wording import REASONS
from tests.calls.popup_story import answer, end, ring
from tests.leads.pipeline import lose

LONG = 10_001
UTC = ZoneInfo("UTC")


@dataclass(frozen=True)
class Office:
    """One record of each kind, and who works with them."""

    by: User
    contact: Contact
    lead: Lead
    task: Task
    call: Call


Way = Callable[[Office, str], object]


def chip(**written: str) -> WrittenUp:
    return WrittenUp(note="Done", chip="tomorrow", **written)


def talk(o: Office, **written: str) -> TalkDraft:
    return TalkDraft(TalkKind.MOBILE, clock.now(), o.by.id, **written)


# How each column that holds what people type is reached without a form.
WAYS: dict[str, list[Way]] = {
    "contact.name": [
        lambda o, text: contacts.create_contact(ContactDraft(name=text), o.by),
        lambda o, text: contacts.update_contact(o.contact, ContactDraft(name=text), o.by),
        lambda o, text: ContactDraft(name="Ana").but(name=text),
    ],
    "contact.job_title": [lambda o, text: ContactDraft(job_title=text)],
    "contact.address": [lambda o, text: ContactDraft(address=text)],
    "contact.about": [lambda o, text: ContactDraft(about=text)],
    "contact_phone.number": [
        lambda o, text: PhoneDraft("9" * len(text)),
        lambda o, text: PhoneDraft(text),
        lambda o, text: contacts.add_phone(o.contact, "9" * len(text), PhoneKind.WORK, o.by),
    ],
    "contact_email.address": [
        lambda o, text: ContactDraft(emails=[f"{text}@example.com"]),
        lambda o, text: ContactDraft(emails=[f"ana@{text}.com"]),
    ],
    "not_this_person.number": [
        lambda o, text: not_this_person.refuse("9" * len(text), o.contact, o.by)
    ],
    "message_template.name": [lambda o, text: templates.add(text, "Hello", o.by)],
    "message_template.text": [lambda o, text: templates.add("Hello", text, o.by)],
    "lead.title": [
        lambda o, text: leads.create_lead(LeadDraft(title=text), o.by),
        lambda o, text: leads.update_lead(o.lead, LeadDraft(title=text), o.by),
    ],
    "lead.source": [lambda o, text: LeadDraft(source=text)],
    "lead.about": [lambda o, text: LeadDraft(about=text)],
    "lead.currency": [
        lambda o, text: LeadDraft(currency=text),
        lambda o, text: LeadDraft(currency="EURO"),
    ],
    "lead.lost_reason": [
        lambda o, text: lose(o.lead, text, o.by),
        lambda o, text: leads.move_to(
            o.lead, leads.first_stage(StageKind.LOST), o.by, lost_reason=text
        ),
        lambda o, text: leads.create_lead(
            LeadDraft(title="Roof"),
            o.by,
            stage=leads.first_stage(StageKind.LOST),
            lost_reason=text,
        ),
    ],
    "lead_stage.name": [
        lambda o, text: stages.add_stage(text, StageKind.OPEN, o.by),
        lambda o, text: stages.change_stage(o.lead.stage, text, StageKind.OPEN, o.by),
    ],
    "task.title": [
        lambda o, text: tasks.create_task(TaskDraft(title=text), o.by),
        lambda o, text: tasks.update_task(o.task, TaskDraft(title=text), o.by),
    ],
    "task.about": [lambda o, text: TaskDraft(about=text)],
    "note.text": [lambda o, text: journal.add_note("lead", o.lead.id, text, o.by)],
    "call_wrapup.note": [
        lambda o, text: wrapup.save(o.call, o.by, WrittenUp(note=text), UTC, "Call"),
        lambda o, text: wrapup.keep_draft(o.call, o.by, WrittenUp(note=text), UTC),
    ],
    "call_wrapup.outcome": [
        lambda o, text: wrapup.save(o.call, o.by, WrittenUp(outcome=text), UTC, "Call"),
        lambda o, text: wrapup.keep_draft(o.call, o.by, WrittenUp(outcome=text), UTC),
    ],
    "call_wrapup.task_title": [
        lambda o, text: wrapup.save(o.call, o.by, chip(task_title=text), UTC, "Call"),
        lambda o, text: wrapup.save(o.call, o.by, chip(), UTC, text),
        lambda o, text: wrapup.keep_draft(o.call, o.by, chip(task_title=text), UTC),
    ],
    "talk.note": [
        lambda o, text: talks.enter(o.contact, talk(o, note=text), o.by),
    ],
    "talk.outcome": [
        lambda o, text: talks.enter(o.contact, talk(o, outcome=text), o.by),
    ],
    "call_outcome.label": [
        lambda o, text: outcomes.add(text, o.by, {}),
        lambda o, text: outcomes.rename(outcomes.offered()[0], text, o.by, {}),
    ],
    "office_settings.name": [
        lambda o, text: accounts.change_office(text, restricts_agents=False, by=o.by)
    ],
    "user.name": [
        lambda o, text: accounts.create_user("eva@example.com", text),
        lambda o, text: accounts.change_user(
            o.by, o.by, name=text, email=o.by.email, role=Role.ADMIN, extension=""
        ),
    ],
    "user.email": [
        lambda o, text: accounts.create_user(f"{text}@example.com", "Eva"),
        lambda o, text: accounts.change_user(
            o.by, o.by, name="Eva", email=f"{text}@example.com", role=Role.ADMIN, extension=""
        ),
    ],
    "user.mobile": [lambda o, text: accounts.set_mobile(o.by, "9" * len(text), "PT")],
    "user.team": [lambda o, text: accounts.change_hearing({}, {str(o.by.id): text}, o.by)],
    "user.extension": [lambda o, text: accounts.set_extension(o.by, "9" * len(text))],
}
# The codes that the pages have sentences for; those of the card of a call stand in its view.
WORDED = {*REASONS, *words_of_accounts.SENTENCES, "outcome_unknown"}
TABLES = {column.partition(".")[0] for column in WAYS}
# Written by us alone: codes, hashes, and what is worked out from another column.
NOT_TYPED = {
    *("contact.kind", "contact.sort_name", "contact.search_text", "contact_phone.kind"),
    *("contact_phone.tail", "lead.sort_title", "lead.sort_value", "lead.search_text"),
    *("talk.kind", "talk.direction"),
    *("lead_stage.kind", "note.record_type", "call_outcome.code", "call_wrapup.search_text"),
    *("lead.number", "office_settings.admins_hear", "office_settings.managers_hear"),
    *("office_settings.agents_hear", "office_settings.second_factor_for"),
    *("user.role", "user.password", "user.fs_uniquifier"),
    # Chosen from a list in the profile, by no service.
    *("user.language", "user.timezone", "user.theme"),
}


def texts() -> Iterator[Any]:
    """All columns of text of the tables that people type into."""
    for table in db.metadata.sorted_tables:
        if table.name in TABLES:
            yield from (column for column in table.columns if isinstance(column.type, String))


@pytest.fixture
def office(app: Flask, alice: User) -> Office:
    """An office with one call to write up."""
    contact = make_contact("Ana", phones=("+351910000042",))
    lead = make_lead("Roof", contact=contact, responsible=alice)
    outcomes.ensure()
    db.session.commit()
    ring("100")
    answer("100")
    return Office(alice, contact, lead, make_task("Write", assignee=alice), end())


def test_it_knows_each_column_of_text() -> None:
    known = {str(column) for column in texts()}
    assert known == WAYS.keys() | NOT_TYPED


@pytest.mark.parametrize("column", WAYS)
@pytest.mark.parametrize("text", ["x" * LONG, "ß" * 501], ids=["10,001", "501"])
def test_it_refuses_what_is_longer_in_words(office: Office, column: str, text: str) -> None:
    table, _dot, name = column.partition(".")
    limit = db.metadata.tables[table].columns[name].type
    if len(text) < LONG and not getattr(limit, "length", None):
        text = "x" * LONG
    for way in WAYS[column]:
        with pytest.raises(InvalidInputError) as refused:
            way(office, text)
        assert refused.value.code in WORDED
        db.session.rollback()


def test_what_just_fits_is_kept(office: Office) -> None:
    contact = contacts.create_contact(
        ContactDraft(name="ß" * 200, job_title="x" * 120, about="x" * 10_000), office.by
    )
    lead = leads.create_lead(LeadDraft(title="ß" * 200, source="x" * 60), office.by)
    lose(lead, "x" * 200, office.by)
    tasks.create_task(TaskDraft(title="ß" * 200), office.by)
    stages.add_stage("x" * 60, StageKind.OPEN, office.by)
    db.session.commit()
    assert (len(contact.name), len(contact.about), len(lead.lost_reason)) == (200, 10_000, 200)
    assert not list(too_long())


def too_long() -> Iterator[str]:
    """Give the columns that hold more than they may, which SQLite allows."""
    for column in texts():
        longest = db.session.scalar(select(func.max(func.length(column)))) or 0
        if column.type.length is not None and longest > column.type.length:
            yield str(column)
