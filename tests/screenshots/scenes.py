"""What is to be seen: each page of the office, and what to do there first."""

from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from playwright.sync_api import Page

from crm_app import clock
from crm_app.accounts import links
from crm_app.accounts.models import LinkPurpose, User
from crm_app.board import walls
from crm_app.call_lists import membership
from crm_app.call_lists.models import CallList, Of
from crm_app.callbacks.models import CallBack
from crm_app.calls.models import Call, CallFact
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact, make_lead, make_task
from crm_app.extensions import db
from crm_app.leads.models import Lead, LeadStage, StageKind
from crm_app.local_time import LocalTime
from crm_app.mail.models import Encryption, MailServer
from crm_app.recordings.models import Recording, State
from crm_app.records.bin import put_in_bin
from crm_app.talks.models import Talk
from crm_app.tasks.models import Task
from crm_app.telephony.call_files import services as call_files
from crm_app.telephony.messages.models import Message, MessageTemplate
from tests.screenshots.sample import SampleOffice
from tests.telephony.test_cabinet_file import CABINET


@dataclass(frozen=True, slots=True)
class Still:
    """A page that is there at any time; `act` brings it into the state to be shown."""

    name: str
    path: str
    act: Callable[[Page], object] | None = None


FIRST_DAY = (
    Still("call-backs-first-day", "/callbacks"),
    Still("today-first-day", "/"),
    Still("contacts-first-day", "/contacts"),
    Still("leads-first-day", "/leads"),
    Still("tasks-first-day", "/tasks"),
    Still("calls-first-day", "/calls"),
    Still("board-first-day", "/board"),
    Still("report-first-day", "/reports/calls"),
    Still("telephony-first-day", "/telephony/settings"),
    Still("phone-switched-off", "/phone"),
)


def refuse(page: Page) -> None:
    """Send a form that is not filled in."""
    page.locator("main form").evaluate("form => form.noValidate = true")
    page.locator("main form [type=submit]").last.click()
    page.wait_for_selector("main .invalid-feedback")


def ask(page: Page) -> None:
    """Press a button that asks before it deletes."""
    page.locator("main [data-js-confirm] [type=submit]:visible").first.click()
    page.wait_for_selector("#confirm[open]")


def unfold(page: Page) -> None:
    """Open what can be done with the first call-back."""
    page.keyboard.press("j")
    page.keyboard.press("d")
    page.wait_for_selector(".callback-more [name=reason]")


def suggest(page: Page) -> None:
    """Type into the search box."""
    page.get_by_role("combobox").first.fill("joao")
    page.wait_for_selector("#search-hits .search-hit")


def make_link(page: Page) -> None:
    """Let a link be made, which is shown this once."""
    page.get_by_role("button", name="Password reset link").click()
    page.wait_for_selector("#account-link")


def make_wall(page: Page) -> None:
    """Let an address for the office TV be made, which is shown this once."""
    page.get_by_label("Where the screen hangs").fill("Reception")
    page.get_by_role("button", name="Create the address").click()
    page.wait_for_selector("#wall-address")


def begin_app(page: Page) -> None:
    """Let the key of an authenticator app be made."""
    page.get_by_role("button", name="Set up an app").click()
    page.wait_for_selector("#app-key")


def wait_for_lamps(page: Page) -> None:
    """Wait until every lamp has been lit."""
    page.wait_for_selector("[data-lamp=stream][data-state=ok]")
    page.wait_for_selector("[data-lamps]:not(:has(.spinner-border))")


def open_absence(page: Page) -> None:
    """Open what there is to say about somebody who is away."""
    page.locator("main summary").first.click()


def ask_to_block(page: Page) -> None:
    """Ask why a number is to be blocked."""
    page.locator("main [data-action=block]").first.click()
    page.wait_for_selector("main .block-form")


def replay(page: Page) -> None:
    """Let a notification be replayed."""
    page.get_by_role("button", name="Replay").click()
    page.wait_for_selector("[data-replay=done]")


def for_visitors(office: SampleOffice) -> list[Still]:
    """List the pages that a link opens for somebody who is not signed in."""
    invitation, reset, wall = office.do(_links)
    return [
        Still("invitation", f"/invitation/{invitation}"),
        Still("reset", f"/reset/{reset}"),
        Still("dead-link", "/reset/not-known-here"),
        Still("board-wall", f"/board/wall/{wall}"),
        Still("board-wall-gone", "/board/wall/not-known-here"),
    ]


def for_agents() -> list[Still]:
    """List the pages that only an agent gets to see."""
    return [Still("not-allowed", "/people")]


def stills(office: SampleOffice) -> list[Still]:
    """List the pages of the laid office, with the addresses of records that have much to show."""
    ids = office.do(_records)
    contact, lead, task, call = (ids[name] for name in ("contact", "lead", "task", "call"))
    call_back = ids["call_back"]
    company, stage, lost = (ids[name] for name in ("company", "stage", "lost"))
    return [
        Still("today", "/"),
        Still("contacts", "/contacts"),
        Still("contacts-none", "/contacts?q=zzzz"),
        Still("contacts-bin", "/contacts/bin"),
        Still("contact", f"/contacts/{contact}"),
        Still("contact-edit", f"/contacts/{contact}/edit"),
        Still("contact-refused", "/contacts/new", refuse),
        Still("contact-choose", "/contacts/choose?q=jo"),
        Still("contact-notes", f"/contacts/{contact}/notes"),
        Still("contact-people", f"/contacts/{company}/people"),
        Still("contact-calls", f"/calls/for-contact/{contact}"),
        Still("contact-leads", f"/leads/for-contact/{contact}"),
        Still("contact-tasks", f"/tasks/for-contact/{contact}"),
        Still("call-backs", "/callbacks"),
        Still("call-backs-keys", "/callbacks", unfold),
        Still("call-backs-done", "/callbacks?state=done"),
        Still("call-back", f"/callbacks/{call_back}"),
        Still("leads", "/leads"),
        Still("lead", f"/leads/{lead}"),
        Still("lead-edit", f"/leads/{lead}/edit"),
        Still("lead-new", "/leads/new"),
        Still("lead-lost", f"/leads/{lead}/stage/{lost}"),
        Still("lead-notes", f"/leads/{lead}/notes"),
        Still("lead-calls", f"/calls/for-lead/{lead}"),
        Still("lead-tasks", f"/tasks/for-lead/{lead}"),
        Still("leads-bin", "/leads/bin"),
        Still("pipeline", "/leads/stages"),
        Still("stage-edit", f"/leads/stages/{stage}"),
        Still("tasks", "/tasks"),
        Still("task", f"/tasks/{task}"),
        Still("task-edit", f"/tasks/{task}/edit"),
        Still("task-new", "/tasks/new"),
        Still("tasks-bin", "/tasks/bin"),
        Still("calls", "/calls"),
        Still("call", f"/calls/{call}"),
        Still("call-attach", f"/calls/{call}/attach?q=jo"),
        Still("call-write-ups", "/calls/write-ups"),
        Still("board", "/board"),
        Still("board-walls", "/board/walls"),
        Still("board-walls-made", "/board/walls", make_wall),
        Still("report-calls", "/reports/calls"),
        Still("report-colleague", "/reports/calls?user=2&show=missed"),
        Still("call-recordings", f"/calls/{ids['recorded']}/players"),
        Still("call-player", f"/calls/{ids['recorded']}/player"),
        Still("recordings", "/recordings"),
        Still("recordings-heard", "/recordings/listening"),
        Still("recordings-rules", "/recordings/settings"),
        Still("call-lists", "/call-lists"),
        Still("call-list-new", "/call-lists/new"),
        Still("call-list", f"/call-lists/{ids['call_list']}"),
        Still("talk-new", f"/talks/new?contact_id={contact}"),
        Still("talk-edit", f"/talks/{ids['talk']}/edit"),
        Still("contact-talks", f"/talks/for-contact/{contact}"),
        Still("outcomes", "/calls/outcomes"),
        Still("dials", "/telephony/dials"),
        Still("search", "/search?q=jo"),
        Still("search-box", "/leads", suggest),
        Still("people", "/people"),
        Still("person-new", "/people/new"),
        Still("person", "/people/2"),
        Still("person-disable", "/people/2", ask),
        Still("person-link", "/people/2", make_link),
        Still("person-calls", "/calls/taken-by/2"),
        Still("person-card", "/people/2/card", open_absence),
        Still("rights", "/people/rights"),
        Still("account", "/account"),
        Still("account-away", "/account/away"),
        Still("account-password", "/account/password"),
        Still("account-sessions", "/account/sessions"),
        Still("account-proof", "/account/proof"),
        Still("second-factor", "/account/second-factor"),
        Still("second-factor-app", "/account/second-factor", begin_app),
        Still("security", "/security"),
        Still("jobs", "/jobs"),
        Still("telephony", "/telephony/settings"),
        Still("telephony-preview", "/telephony/preview?number=912000100"),
        Still("black-list", "/telephony/black-list"),
        Still("black-list-none", "/telephony/black-list?q=zzzz"),
        Still("black-list-new", "/telephony/black-list/new?number=912000100"),
        Still("call-block", f"/calls/{call}", ask_to_block),
        Still("telephony-set-up", "/telephony/setup", wait_for_lamps),
        Still("day-balance", "/telephony/balance"),
        Still("old-calls", "/telephony/history"),
        Still("call-files", "/telephony/history/files"),
        Still("call-file", f"/telephony/history/files/{ids['call_file']}"),
        Still("ignored-numbers", "/telephony/ignored-numbers"),
        Still("messages", "/messages"),
        Still("messages-all", "/messages?all=1"),
        Still("messages-with-contact", f"/messages/contact/{ids['writes']}"),
        Still("messages-with-number", "/messages/with?number=912000100"),
        Still("message-templates", "/messages/templates"),
        Still("message-template", f"/messages/templates/{ids['template']}"),
        Still("telephony-health", "/telephony/health"),
        Still("telephony-journal", "/telephony/journal"),
        Still("telephony-notification", f"/telephony/journal/{ids['fact']}"),
        Still("telephony-replay", f"/telephony/journal/{ids['fact']}", replay),
        Still("telephony-guide", "/telephony/setup/guide"),
        Still("opening-hours", "/office/hours"),
        Still("sending-mail", "/office/mail"),
        Still("not-found", "/contacts/999999"),
    ]


def _call_file() -> int:
    """Upload a list of calls, of which one record cannot be read."""
    content = CABINET.read_bytes() + b"1772443999.199;in;101;yesterday;351910000371;351;busy;0;in_9"
    boss = db.session.scalars(sa.select(User).order_by(User.id)).first()
    assert boss is not None
    found = call_files.keep("pbx_statistics.csv", content, boss)
    call_files.perform({"file": found.id})
    return found.id


def _records() -> dict[str, int | None]:
    lead = db.session.scalars(sa.select(Lead).order_by(Lead.id)).first()
    assert lead is not None
    call = sa.select(Call.id).where(Call.contact_id == lead.contact_id, Call.talk_seconds > 0)
    _fill_bins()
    db.session.add(_mail_server())
    return {
        "call_list": _call_list().id,
        "call_file": _call_file(),
        "lead": lead.id,
        "contact": lead.contact_id,
        "task": db.session.scalar(sa.select(Task.id).where(Task.lead_id == lead.id)),
        "call": db.session.scalar(call) or db.session.scalar(sa.select(Call.id)),
        "recorded": db.session.scalar(
            sa.select(sa.func.max(Recording.call_id)).where(Recording.state == State.READY)
        ),
        "talk": db.session.scalar(sa.select(sa.func.min(Talk.id))),
        "fact": db.session.scalar(sa.select(sa.func.min(CallFact.id))),
        "call_back": db.session.scalar(sa.select(sa.func.min(CallBack.id))),
        "company": db.session.scalar(sa.select(sa.func.min(Contact.company_id))),
        "writes": db.session.scalar(sa.select(sa.func.min(Message.contact_id))),
        "template": db.session.scalar(sa.select(sa.func.min(MessageTemplate.id))),
        "stage": lead.stage_id,
        "lost": db.session.scalar(sa.select(LeadStage.id).where(LeadStage.kind == StageKind.LOST)),
    }


def _mail_server() -> MailServer:
    return MailServer(
        host="mail.example.com", port=587, encryption=Encryption.STARTTLS, user="office",
        sender="office@example.com", tried_at=clock.now(), failure="sign_in_refused",
        said="535 5.7.8 Authentication credentials invalid", failures=1,
    )  # fmt: skip


def _call_list() -> CallList:
    user = db.session.scalars(sa.select(User).order_by(User.id)).all()[0]
    local = LocalTime(clock.now(), ZoneInfo("Europe/Lisbon"))
    filters = membership.FILTERS[Of.CONTACTS].from_args({})
    made = membership.make(
        Of.CONTACTS, filters, user, local, name="Clients of the north", calls_do_not_call=False
    )
    db.session.flush()
    return made


def _fill_bins() -> None:
    by = db.session.scalars(sa.select(User).order_by(User.id)).all()[0]
    old = make_contact("Fernanda Old", phones=("912000111",))
    put_in_bin(old, by)
    put_in_bin(make_lead("An enquiry of last year"), by)
    put_in_bin(make_task("Send the old catalogue"), by)


def _links() -> tuple[str, str, str]:
    first, invited, forgetful = db.session.scalars(sa.select(User).order_by(User.id)).all()[:3]
    return (
        links.make(LinkPurpose.INVITATION, invited),
        links.make(LinkPurpose.RESET, forgetful),
        walls.new_token(walls.make("Reception", first)),
    )
