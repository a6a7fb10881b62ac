"""Without scripts all can be read; what scripts would load is links that say what they are."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask_security import hash_password
from playwright.sync_api import Browser, Page, expect

from crm_app.accounts.models import User
from crm_app.extensions import db
from tests.browser.office import Office
from tests.browser.story import ANA, RUI, add_contact, id_of, talk, written

PASSWORD = "a password of Bob's that is long"


@pytest.fixture
def page(office: Office, browser: Browser) -> Iterator[Page]:
    """A page without scripts; Bob has a password."""

    def give() -> None:
        hashed = hash_password(PASSWORD)
        db.session.execute(sa.update(User).where(User.name == "Bob").values(password=hashed))

    office.do(give)
    context = browser.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()


def sign_in(page: Page, office: Office) -> None:
    """Sign in as Bob."""
    page.goto(f"{office.url}/")
    page.get_by_label("E-mail", exact=True).fill("bob@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_one_comes_from_the_sign_in_to_the_page_of_a_call(office: Office, page: Page) -> None:
    add_contact(office, "Beatriz Gonçalves", ANA)
    talk(office)
    office.end(office.ring(ANA, "101"))
    sign_in(page, office)
    page.locator("section[aria-labelledby=today-missed]").get_by_role(
        "link", name="Beatriz Gonçalves"
    ).click()
    for words in ("Leads of", "Tasks of", "Calls with"):
        expect(page.get_by_role("link", name=f"{words} Beatriz Gonçalves – open")).to_be_visible()
    page.get_by_role("link", name="Calls with Beatriz Gonçalves – open").click()
    expect(page.get_by_role("heading", name="Beatriz Gonçalves")).to_be_visible()
    row = page.locator(".list-group-item", has_text="Answered")
    row.get_by_role("link").first.click()
    expect(page.locator("#call-history")).to_contain_text("Ended after")


def test_a_call_is_written_up_on_its_page(office: Office, page: Page) -> None:
    add_contact(office)
    call = talk(office)
    sign_in(page, office)
    page.goto(f"{office.url}/calls/{id_of(office, call)}")
    form = page.get_by_role("form", name="How did it go?")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_have_text("Choose an outcome or write a note.")
    form.get_by_label("Note", exact=True).fill("Wants a price")
    form.get_by_text("Call again", exact=True).click()
    form.get_by_text("Tomorrow", exact=True).click()
    form.get_by_role("button", name="Save").click()
    toast = page.locator("#toasts .toast")
    expect(toast).to_contain_text("Ana Sousa: Call again, task tomorrow")
    expect(page.get_by_role("region", name="Written up by Bob")).to_contain_text("Wants a price")
    expect(form).to_have_count(0)
    assert written(office) == [(call, "call_again", "Wants a price", True)]
    toast.get_by_role("button", name="Undo").click()
    expect(form.get_by_label("Note", exact=True)).to_have_value("Wants a price")
    assert written(office) == [(call, "call_again", "Wants a price", False)]


def test_what_waits_is_written_up_or_dismissed_on_its_page(office: Office, page: Page) -> None:
    add_contact(office)
    add_contact(office, "Rui Costa", RUI)
    first, second = talk(office, ANA), talk(office, RUI)
    sign_in(page, office)
    page.get_by_role("region", name="To write up").get_by_role("link", name="Show all").click()
    rows = page.locator("main [data-write-up]")
    expect(rows).to_have_count(2)
    row = rows.filter(has_text="Ana Sousa")
    row.locator("summary").click()
    row.get_by_text("2Interested", exact=True).click()
    row.get_by_role("button", name="Save").click()
    expect(rows).to_have_count(1)
    expect(page.locator("#toasts")).to_contain_text("Ana Sousa: Interested")
    rows.locator("summary").click()
    rows.get_by_role("button", name="Do not write up").click()
    expect(rows).to_have_count(0)
    expect(page.locator("main")).to_contain_text("Everything is written up.")
    assert [row[:2] for row in written(office) if row[3]] == [(first, "interested")]
    assert second not in [row[0] for row in written(office) if row[3]]
