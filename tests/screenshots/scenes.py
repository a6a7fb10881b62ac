"""What is to be seen: each page of the office, and what to do there first."""

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
from playwright.sync_api import Page

from crm_app.calls.models import Call
from crm_app.extensions import db
from crm_app.leads.models import Lead
from crm_app.tasks.models import Task
from tests.screenshots.sample import SampleOffice


@dataclass(frozen=True, slots=True)
class Still:
    """A page that is there at any time; `act` brings it into the state to be shown."""

    name: str
    path: str
    act: Callable[[Page], object] | None = None


FIRST_DAY = (
    Still("today-first-day", "/"),
    Still("contacts-first-day", "/contacts"),
    Still("leads-first-day", "/leads"),
    Still("tasks-first-day", "/tasks"),
    Still("calls-first-day", "/calls"),
    Still("telephony-first-day", "/telephony/settings"),
)


def refuse(page: Page) -> None:
    """Send a form that is not filled in."""
    page.locator("main form").evaluate("form => form.noValidate = true")
    page.locator("main form [type=submit]").last.click()
    page.wait_for_selector(".invalid-feedback")


def ask(page: Page) -> None:
    """Press a button that asks before it deletes."""
    page.locator("main [data-js-confirm] [type=submit]:visible").first.click()
    page.wait_for_selector("#confirm[open]")


def suggest(page: Page) -> None:
    """Type into the search box."""
    page.get_by_role("combobox").first.fill("joao")
    page.wait_for_selector("#search-hits .search-hit")


def stills(office: SampleOffice) -> list[Still]:
    """List the pages of the laid office, with the addresses of records that have much to show."""
    ids = office.do(_records)
    contact, lead, task, call = (ids[name] for name in ("contact", "lead", "task", "call"))
    return [
        Still("today", "/"),
        Still("contacts", "/contacts"),
        Still("contacts-none", "/contacts?q=zzzz"),
        Still("contacts-bin", "/contacts/bin"),
        Still("contact", f"/contacts/{contact}"),
        Still("contact-edit", f"/contacts/{contact}/edit"),
        Still("contact-refused", "/contacts/new", refuse),
        Still("leads", "/leads"),
        Still("lead", f"/leads/{lead}"),
        Still("lead-edit", f"/leads/{lead}/edit"),
        Still("pipeline", "/leads/stages"),
        Still("tasks", "/tasks"),
        Still("task", f"/tasks/{task}"),
        Still("task-new", "/tasks/new"),
        Still("calls", "/calls"),
        Still("call", f"/calls/{call}"),
        Still("search", "/search?q=jo"),
        Still("search-box", "/leads", suggest),
        Still("people", "/people"),
        Still("person-new", "/people/new"),
        Still("person", "/people/2"),
        Still("person-disable", "/people/2", ask),
        Still("rights", "/people/rights"),
        Still("account", "/account"),
        Still("telephony", "/telephony/settings"),
        Still("not-found", "/contacts/999999"),
    ]


def _records() -> dict[str, int | None]:
    lead = db.session.scalars(sa.select(Lead).order_by(Lead.id)).first()
    assert lead is not None
    call = sa.select(Call.id).where(Call.contact_id == lead.contact_id, Call.talk_seconds > 0)
    return {
        "lead": lead.id,
        "contact": lead.contact_id,
        "task": db.session.scalar(sa.select(Task.id).where(Task.lead_id == lead.id)),
        "call": db.session.scalar(call) or db.session.scalar(sa.select(Call.id)),
    }
