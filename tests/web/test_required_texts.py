"""No record gets a name, a title or a text that nobody can see: by no form and by no service."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm_app.accounts import services as accounts
from crm_app.accounts.models import Role, User
from crm_app.calls.models import Call
from crm_app.calls.wrapup import services as wrapup
from crm_app.calls.wrapup.services import WrittenUp
from crm_app.contacts import services as contacts
from crm_app.contacts.fields import ContactDraft
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact, make_lead, make_task
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.journal import services as journal
from crm_app.journal.models import Note
from crm_app.leads import services as leads
from crm_app.leads import stages
from crm_app.leads.fields import LeadDraft
from crm_app.leads.models import Lead, LeadStage, StageKind
from crm_app.tasks import services as tasks
from crm_app.tasks.fields import TaskDraft
from crm_app.tasks.models import Task
from tests.calls.popup_story import answer, end, ring
from tests.reader import elements_of

UNSEEN = ["\u200b", "\u202e\u2066 ", "\u3164", "\u2800\ufeff", "\x00\u00ad\u00a0"]


@pytest.fixture
def records(app: Flask, alice: User) -> dict[str, int]:
    """One record of each kind, by the name of its id in addresses."""
    contact = make_contact("Ana", phones=("+351910000042",))
    lead = make_lead("Roof", contact=contact, responsible=alice)
    ring("100")
    answer("100")
    call = end()
    stranger = ring("100", pbx_call_id="in_2", caller="+351920000000")
    return {
        "contact": contact.id,
        "lead": lead.id,
        "task": make_task("Write", assignee=alice).id,
        "call": call.id,
        "stranger": stranger.id,
        "stage": lead.stage_id,
        "lost": leads.first_stage(StageKind.LOST).id,
        "user": alice.id,
    }


FORMS = [
    ("/contacts/new", "name", {"kind": "person", "responsible_id": ""}),
    ("/contacts/{contact}/edit", "name", {"version": "1", "kind": "person", "responsible_id": ""}),
    ("/contacts/{contact}/notes", "text", {}),
    ("/leads/new", "title", {"currency": "EUR", "responsible_id": "", "stage_id": "{stage}"}),
    ("/leads/{lead}/edit", "title", {"version": "1", "currency": "EUR", "responsible_id": ""}),
    ("/leads/{lead}/notes", "text", {}),
    ("/leads/{lead}/stage/{lost}", "lost_reason", {}),
    ("/leads/stages", "name", {"kind": "open"}),
    ("/leads/stages/{stage}", "name", {"kind": "open"}),
    ("/tasks", "title", {"due": "today"}),
    ("/tasks/for-contact/{contact}", "title", {"due": "today"}),
    ("/tasks/for-lead/{lead}", "title", {"due": "today"}),
    ("/tasks/new", "title", {"assignee_id": "", "lead_id": ""}),
    ("/tasks/{task}/edit", "title", {"version": "1", "assignee_id": "", "lead_id": ""}),
    ("/calls/{call}/wrapup", "note", {}),
    ("/calls/{stranger}/new-lead", "name", {}),
    ("/people/new", "name", {"email": "eva@example.com", "role": "agent"}),
    ("/people/{user}", "name", {"email": "alice@example.com", "role": "admin"}),
    ("/account", "name", {"language": "", "timezone": "", "theme": ""}),
]


def all_texts() -> list[str]:
    columns = (Contact.name, Lead.title, Lead.lost_reason, LeadStage.name, Task.title, Note.text)
    return [
        text for column in (*columns, User.name) for text in db.session.scalars(db.select(column))
    ]


@pytest.mark.parametrize(("address", "field", "rest"), FORMS)
def test_a_text_that_nobody_can_see_is_refused_by_every_form(
    alice: User,
    client_of: Callable[[User], FlaskClient],
    records: dict[str, int],
    address: str,
    field: str,
    rest: dict[str, str],
) -> None:
    browser, before = client_of(alice), all_texts()
    data = {name: value.format(**records) for name, value in rest.items()}
    for unseen in UNSEEN:
        answer = browser.post(address.format(**records), data={**data, field: unseen})
        assert answer.status_code == 422, repr(unseen)
        assert any(one.get("aria-invalid") for one in elements_of(answer.text))
    db.session.expire_all()
    assert all_texts() == before
    seen = browser.post(address.format(**records), data={**data, field: "Seen \u200b"})
    assert seen.status_code in {200, 303}


@pytest.mark.parametrize("unseen", UNSEEN)
def test_a_text_that_nobody_can_see_is_refused_by_every_service(
    alice: User, records: dict[str, int], unseen: str
) -> None:
    contact = db.session.get_one(Contact, records["contact"])
    lead = db.session.get_one(Lead, records["lead"])
    task = db.session.get_one(Task, records["task"])
    stage = db.session.get_one(LeadStage, records["stage"])
    call = db.session.get_one(Call, records["call"])
    user = alice
    written = WrittenUp("", unseen, "", "")
    ways: list[Callable[[], object]] = [
        lambda: contacts.create_contact(ContactDraft(name=unseen), user),
        lambda: contacts.update_contact(contact, ContactDraft(name=unseen), user),
        lambda: leads.create_lead(LeadDraft(title=unseen), user),
        lambda: leads.update_lead(lead, LeadDraft(title=unseen), user),
        lambda: leads.create_lead(
            LeadDraft(title="Roof"),
            user,
            stage=leads.first_stage(StageKind.LOST),
            lost_reason=unseen,
        ),
        lambda: stages.add_stage(unseen, StageKind.OPEN, user),
        lambda: stages.change_stage(stage, unseen, StageKind.OPEN, user),
        lambda: tasks.create_task(TaskDraft(title=unseen), user),
        lambda: tasks.update_task(task, TaskDraft(title=unseen), user),
        lambda: journal.add_note("lead", lead.id, unseen, user),
        lambda: accounts.create_user("eva@example.com", unseen),
        lambda: accounts.change_user(
            user, user, name=unseen, email=user.email, role=Role.ADMIN, extension=""
        ),
        lambda: wrapup.save(call, user, written, ZoneInfo("UTC"), "Call"),
    ]
    for way in ways:
        with pytest.raises(InvalidInputError):
            way()
        db.session.rollback()


@pytest.mark.parametrize(("address", "field", "rest"), FORMS)
def test_a_text_longer_than_its_column_is_refused_in_words(
    alice: User,
    client_of: Callable[[User], FlaskClient],
    records: dict[str, int],
    address: str,
    field: str,
    rest: dict[str, str],
) -> None:
    browser, before = client_of(alice), all_texts()
    data = {name: value.format(**records) for name, value in rest.items()}
    answer = browser.post(address.format(**records), data={**data, field: "ß" * 10_001})
    assert answer.status_code == 422
    refused = [one for one in elements_of(answer.text) if one.get("aria-invalid")]
    assert len(refused) == 1
    db.session.expire_all()
    assert all_texts() == before


@pytest.mark.parametrize(
    ("address", "fields"),
    [
        ("/contacts/new", ("job_title", "address", "about", "phones-0-number", "emails-0-address")),
        ("/leads/new", ("contact_name", "number", "value", "source", "about")),
        ("/tasks/new", ("about", "due_on", "due_time", "contact_id")),
        ("/people/new", ("email", "extension")),
        ("/people/rights", ("name",)),
        ("/calls/{call}/wrapup", ("task_title", "outcome")),
    ],
)
def test_no_other_field_takes_more_than_its_column_holds(
    alice: User,
    client_of: Callable[[User], FlaskClient],
    records: dict[str, int],
    address: str,
    fields: tuple[str, ...],
) -> None:
    good = next((rest for url, _field, rest in FORMS if url == address), {})
    good = {name: value.format(**records) for name, value in good.items()}
    good |= {"name": "Eva", "title": "Roof", "chip": "tomorrow"}
    for field in fields:
        sent = {**good, field: "9" * 10_001}
        answer = client_of(alice).post(address.format(**records), data=sent)
        assert answer.status_code == 422, field
