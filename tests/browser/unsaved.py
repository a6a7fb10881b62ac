"""Every kind of form that keeps what is typed: where it is, what is typed, how it is sent."""

from dataclasses import dataclass

from playwright.sync_api import Locator, Page
from sqlalchemy import select

from crm_app.accounts.models import User
from crm_app.accounts.passwords.hashing import make_hash
from crm_app.accounts.sessions import services as sessions
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact, make_lead, make_task
from crm_app.extensions import db
from crm_app.leads.models import Lead, LeadStage, StageKind
from crm_app.tasks.models import Task
from tests.browser.conftest import eventually
from tests.browser.office import Office

LINE = ".unsaved"
DIALOG = "#sign-in-over"
PASSWORD = "grilled sardines in june"
KEPT = "Object.keys(localStorage).filter((key) => key.startsWith('ramal-draft-'))"


@dataclass(frozen=True)
class Kind:
    """A form: the page, its field, and the button that sends it."""

    path: str
    field: str
    button: str = "Save"
    who: str = "Alice"

    def open(self, page: Page, office: Office) -> Locator:
        """Open the page and give the field."""
        page.goto(f"{office.url}{self.path.format(**ids(office))}")
        return self.of(page)

    def of(self, page: Page) -> Locator:
        """Give the field on the page that is open."""
        return page.locator(f"main form[data-js-unsaved] {self.field}")

    def send(self, page: Page) -> None:
        """Press the form's button."""
        form = page.locator("main form[data-js-unsaved]").filter(has=page.locator(self.field))
        form.get_by_role("button", name=self.button, exact=True).last.click()


KINDS = {
    "new contact": Kind("/contacts/new", "[name=name]"),
    "contact": Kind("/contacts/{contact}/edit", "[name=about]"),
    "new lead": Kind("/leads/new", "[name=title]"),
    "lead": Kind("/leads/{lead}/edit", "[name=about]"),
    "new task": Kind("/tasks/new", "[name=title]"),
    "task": Kind("/tasks/{task}/edit", "[name=about]"),
    "note on a contact": Kind("/contacts/{contact}", "[name=text]", "Save note"),
    "note on a lead": Kind("/leads/{lead}", "[name=text]", "Save note"),
    "quick task": Kind("/tasks", "[name=title]", "Add"),
    "quick task of a contact": Kind("/contacts/{contact}", ".task-quick-line [name=title]", "Add"),
    "new stage": Kind("/leads/stages", "[name=name]", "Add"),
    "stage": Kind("/leads/stages/{stage}", "[name=name]"),
    "reason of a loss": Kind(
        "/leads/{lead}/stage/{lost}", "[name=lost_reason]", "Move to “Lost”"
    ),
    "account": Kind("/account", "[name=name]"),
    "invitation": Kind("/people/new", "[name=name]", "Create the invitation"),
    "person": Kind("/people/{person}", "[name=name]"),
    "office": Kind("/people/rights", "[name=name]"),
}  # fmt: skip


def ids(office: Office) -> dict[str, int]:
    """Give the ids of the office's records, which it makes when there are none yet."""

    def find() -> dict[str, int]:
        lost = select(LeadStage.id).where(LeadStage.kind == StageKind.LOST)
        return {
            "contact": db.session.scalars(select(Contact.id)).first() or 0,
            "lead": db.session.scalars(select(Lead.id)).first() or 0,
            "task": db.session.scalars(select(Task.id)).first() or 0,
            "stage": db.session.scalars(select(LeadStage.id)).first() or 0,
            "lost": db.session.scalars(lost).first() or 0,
            "person": db.session.scalars(select(User.id).where(User.name == "Bob")).one(),
        }

    def make() -> None:
        contact = make_contact("Ana Sousa")
        make_lead("New kitchen", contact=contact)
        db.session.add(LeadStage(name="Lost", kind=StageKind.LOST, position=9))
        make_task("Send the offer")

    if not office.do(find)["contact"]:
        office.do(make)
    return office.do(find)


def end_sign_ins(office: Office, *names: str) -> None:
    """End all sessions of some people on the server, and let them sign in by password."""

    def end() -> None:
        for user in db.session.scalars(select(User).where(User.name.in_(names))):
            sessions.end_all(user, sessions.End.EXPIRED)
            user.password = make_hash(PASSWORD, email=user.email, name=user.name)

    office.do(end)


def is_stored(office: Office, text: str) -> bool:
    """Tell whether a text stands anywhere in the office's records."""

    def look() -> bool:
        rows = (
            row for table in db.metadata.sorted_tables for row in db.session.execute(select(table))
        )
        return any(text in str(row) for row in rows)

    return office.do(look)


def wait_until_stored(page: Page, office: Office, text: str) -> None:
    """Wait until a text stands somewhere in the office's records."""
    eventually(page, lambda: is_stored(office, text), f"stored: {text}")


def sign_in_over(page: Page, email: str = "", password: str = PASSWORD) -> None:
    """Fill the dialog that lies over the page, and send it."""
    dialog = page.locator(DIALOG)
    if email:
        dialog.get_by_label("E-mail").fill(email)
    dialog.get_by_label("Password", exact=True).fill(password)
    dialog.get_by_role("button", name="Sign in").click()
