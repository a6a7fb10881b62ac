"""The page of security events in a real browser."""

from playwright.sync_api import expect

from crm_app.accounts.models import User
from crm_app.extensions import db
from crm_app.security.kinds import Kind
from crm_app.security.models import SecurityEvent
from tests.browser.conftest import SignIn
from tests.browser.office import Office


def some_events(office: Office) -> None:
    def add() -> None:
        bob = db.session.scalars(db.select(User).where(User.name == "Bob")).one()
        for kind, count in ((Kind.SIGNED_IN, 1), (Kind.PASSWORD_WRONG, 7), (Kind.SIGNED_OUT, 1)):
            db.session.add(
                SecurityEvent(kind=kind, about_id=bob.id, count=count, address="192.0.2.7")
            )

    office.do(add)


def test_it_is_narrowed_without_leaving_the_page_and_can_be_gone_back_to(
    office: Office, sign_in: SignIn
) -> None:
    some_events(office)
    page = sign_in("Alice").new_page()
    page.goto(office.url)
    page.get_by_role("link", name="Security").click()
    rows = page.locator("#security-list tbody tr")
    expect(rows).to_have_count(3)
    page.wait_for_load_state("load")
    page.get_by_label("What happened").select_option(label="All refusals")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Wrong password")
    expect(rows).to_contain_text("× 7")
    page.reload()
    expect(rows).to_have_count(1)
    page.get_by_label("What happened").select_option(label="Signed in")
    expect(rows).to_contain_text("Signed in")
    expect(page.get_by_role("link", name="Security")).to_have_attribute("aria-current", "page")
