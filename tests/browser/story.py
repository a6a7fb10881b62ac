"""Calls as the tests of the browser tell them, and what is read about them afterwards."""

from collections.abc import Callable

from playwright.sync_api import BrowserContext, Locator, Page, Route, expect
from sqlalchemy import func, select

from crm_app.calls.models import Call, CallWrapup
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact, make_lead
from crm_app.extensions import db
from crm_app.tasks.models import Task
from tests.browser.office import Office

ANA, RUI = "+351910000042", "+351910000043"
STRANGER = "+34910000099"
CARD = "[role=alertdialog]"
ENDED = f"{CARD}[data-state=ended]"
OPEN, ROW = ".call-card", ".call-row"


class Line:
    """What becomes of some requests: at first they go through, then whatever `act` does to them.

    It is laid before a page is opened: what is laid while a page lives may miss the next request.
    """

    def __init__(self, context: BrowserContext, pattern: str) -> None:
        self.act: Callable[[Route], object] = Route.continue_
        self.asked: list[str] = []
        context.route(pattern, self._pass)

    def mend(self) -> None:
        """Let requests go through again."""
        self.act = Route.continue_

    def _pass(self, route: Route) -> None:
        self.asked.append(route.request.method)
        self.act(route)


def add_contact(office: Office, name: str = "Ana Sousa", number: str = ANA) -> Contact:
    """Add a contact with an open lead."""

    def add() -> Contact:
        contact = make_contact(name, phones=(number,))
        make_lead("New kitchen", contact=contact)
        return contact

    return office.do(add)


def type_a_contact(page: Page) -> Locator:
    """Type a name into the form of a new contact that is open; gives the field."""
    name = page.locator("main input[name=name]")
    name.fill("Rita Nova")
    return name


def talk(
    office: Office, number: str = ANA, extension: str = "101", *, seen_on: Page | None = None
) -> str:
    """Let somebody call, be answered and hang up; gives the PBX's call id.

    With `seen_on`, only once that page shows that the call has ended: until then Enter keeps what
    was typed instead of saving it.
    """
    call = office.ring(number, extension)
    office.answer(call, extension)
    office.end(call, talk_seconds=65)
    if seen_on is not None:
        expect(seen_on.locator(f"{ENDED}[data-call-id='{call}']")).to_have_count(1)
    return call


def id_of(office: Office, pbx_call_id: str) -> int:
    """Give our id of a call."""
    found = select(Call.id).where(Call.pbx_call_id == pbx_call_id)
    return office.do(lambda: db.session.scalars(found).one())


def written(office: Office) -> list[tuple[str, str, str, bool]]:
    """Read all wrap-ups: the PBX's call id, outcome, note, whether it was saved."""
    wanted = (
        select(Call.pbx_call_id, CallWrapup.outcome, CallWrapup.note, CallWrapup.saved_at)
        .join(Call, Call.id == CallWrapup.call_id)
        .order_by(Call.id)
    )
    rows = office.do(lambda: db.session.execute(wanted).all())
    return [(call, outcome, note, saved_at is not None) for call, outcome, note, saved_at in rows]


def count_tasks(office: Office) -> int:
    """Count all tasks."""
    return office.do(lambda: db.session.scalar(select(func.count()).select_from(Task))) or 0
