"""Where one is signed in, and the question for the password, as people see them."""

from datetime import timedelta

import sqlalchemy as sa
from flask_security import hash_password
from playwright.sync_api import expect

from crm_app import clock
from crm_app.accounts.models import BrowserSession, User
from crm_app.extensions import db
from tests.browser.conftest import SignIn, watching
from tests.browser.office import Office

PASSWORD = "tres tigres tristes"
QUESTION = "Confirm that it is you"


def alice_has_a_password(office: Office) -> None:
    """Give Alice a password."""

    def change() -> None:
        hashed = hash_password(PASSWORD)
        db.session.execute(sa.update(User).where(User.name == "Alice").values(password=hashed))

    office.do(change)


def let_time_pass(office: Office) -> None:
    """Make every sign-in eleven minutes older."""
    long_ago = clock.now() - timedelta(minutes=11)
    office.do(lambda: db.session.execute(sa.update(BrowserSession).values(proved_at=long_ago)))


def test_it_ends_another_browser_and_that_page_notices(office: Office, sign_in: SignIn) -> None:
    lost = watching(sign_in("Bob"), office)
    page = watching(sign_in("Bob"), office, "/account")
    page.get_by_role("link", name="Where I am signed in").click()
    rows = page.locator("[data-session]")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("This browser")
    expect(rows.first.get_by_role("button")).to_have_count(0)
    rows.last.get_by_role("button", name="End").click()
    expect(page.locator("#toasts")).to_contain_text("Signed out there.")
    expect(rows).to_have_count(1)
    lost.wait_for_selector("#lamp[data-live-state=out]", state="attached")
    # The others of the same person come back by themselves.
    page.wait_for_selector("#lamp[data-live-state=ok]", state="attached")


def test_it_asks_before_it_ends_all_others(office: Office, sign_in: SignIn) -> None:
    sign_in("Bob"), sign_in("Bob")
    page = watching(sign_in("Bob"), office, "/account/sessions")
    page.get_by_role("button", name="End all others").click()
    page.locator("#confirm").get_by_role("button", name="Yes").click()
    expect(page.locator("#toasts")).to_contain_text("Signed out in 2 places.")
    expect(page.locator("[data-session]")).to_have_count(1)


def test_a_form_waits_on_the_page_of_the_question_and_goes_on(
    office: Office, sign_in: SignIn
) -> None:
    alice_has_a_password(office)
    page = watching(sign_in("Alice"), office, "/people/new")
    let_time_pass(office)
    page.get_by_label("Name").fill("Zé Novo")
    page.get_by_label("E-mail").fill("ze@example.com")
    page.get_by_role("button", name="Create the invitation").click()
    expect(page.get_by_role("heading", name=QUESTION)).to_be_visible()
    field = page.locator("main").get_by_label("Your password")
    expect(field).to_be_focused()
    field.fill("wrong")
    field.press("Enter")
    expect(page.locator("main")).to_contain_text("This is not your current password.")
    field.fill(PASSWORD)
    field.press("Enter")
    expect(page.get_by_role("heading", name="Invitation link for Zé Novo")).to_be_visible()


def test_a_form_of_a_page_asks_in_a_box_and_stays_as_it_was_typed(
    office: Office, sign_in: SignIn
) -> None:
    alice_has_a_password(office)
    page = watching(sign_in("Alice"), office, "/people/new")
    let_time_pass(office)
    page.evaluate("""() => {
      const form = document.querySelector("main form");
      form.setAttribute("hx-post", location.pathname);
      form.setAttribute("hx-target", "main");
      htmx.process(form);
    }""")
    page.get_by_label("Name").fill("Rui Novo")
    page.get_by_label("E-mail").fill("rui.novo@example.com")
    page.get_by_role("button", name="Create the invitation").click()
    box = page.get_by_role("dialog", name=QUESTION)
    expect(box).to_be_visible()
    expect(page.locator("#toasts [data-failure]")).to_have_count(0)
    field = box.get_by_label("Your password")
    expect(field).to_be_focused()
    field.fill("wrong")
    field.press("Enter")
    expect(box).to_contain_text("This is not your current password.")
    expect(page.get_by_label("Name")).to_have_value("Rui Novo")
    field.fill(PASSWORD)
    field.press("Enter")
    expect(box).to_be_hidden()
    expect(page.get_by_role("heading", name="Invitation link for Rui Novo")).to_be_visible()


def test_a_question_that_is_cancelled_leaves_the_form(office: Office, sign_in: SignIn) -> None:
    alice_has_a_password(office)
    page = watching(sign_in("Alice"), office, "/people/rights")
    let_time_pass(office)
    page.evaluate("""() => {
      const form = document.querySelector("main form");
      form.setAttribute("hx-post", location.pathname);
      htmx.process(form);
    }""")
    page.get_by_label("Name of the office").fill("Oficina")
    page.locator("main").get_by_role("button", name="Save").click()
    box = page.get_by_role("dialog", name=QUESTION)
    box.get_by_role("button", name="Cancel").click()
    expect(box).to_be_hidden()
    expect(page.get_by_label("Name of the office")).to_have_value("Oficina")
