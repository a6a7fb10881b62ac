"""The estimate beside a new password, in a real browser."""

from playwright.sync_api import Browser, Page, expect

from crm_app.accounts import links
from crm_app.accounts.models import LinkPurpose, User
from crm_app.extensions import db
from tests.browser.conftest import SignIn
from tests.browser.office import Office

GOOD = "quatro tigres contentes"


def reset_link(office: Office) -> str:
    def make() -> str:
        bob = db.session.scalars(db.select(User).where(User.name == "Bob")).one()
        return links.make(LinkPurpose.RESET, bob)

    return f"{office.url}/reset/{office.do(make)}"


def types(page: Page, password: str) -> None:
    field = page.get_by_label("New password")
    field.fill("")
    field.press_sequentially(password)


def test_it_follows_what_is_typed_and_is_read_out(office: Office, sign_in: SignIn) -> None:
    page = sign_in("Bob").new_page()
    wrong: list[str] = []
    page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
    page.goto(f"{office.url}/account")
    said = page.locator("#password-strength")
    expect(said).to_have_attribute("role", "status")
    types(page, "sol e ")
    expect(said).to_have_text("6 more characters")
    types(page, "passwordpassword")
    expect(said).to_contain_text("This is easy to guess")
    types(page, GOOD)
    expect(said).to_have_text("Very good")
    page.get_by_label("New password").fill("")
    expect(said).to_be_empty()
    assert wrong == []
    expect(page.locator("[data-failure]")).to_have_count(0)


def test_it_is_there_on_the_page_of_a_link_and_leaves_the_field_alone(
    office: Office, browser: Browser
) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(reset_link(office))
    types(page, GOOD)
    expect(page.locator("#password-strength")).to_have_text("Very good")
    field = page.get_by_label("New password")
    expect(field).to_have_value(GOOD)
    expect(field).to_be_focused()
    context.close()


def test_a_line_that_is_cut_says_nothing_wrong_and_the_form_still_works(
    office: Office, sign_in: SignIn
) -> None:
    page = sign_in("Bob").new_page()
    page.goto(f"{office.url}/account")
    page.route("**/strength", lambda route: route.abort())
    with page.expect_event("requestfailed"):
        types(page, GOOD)
    expect(page.locator("[data-failure]")).to_have_count(0)
    expect(page.get_by_label("New password")).to_have_value(GOOD)
