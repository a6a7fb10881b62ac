"""Without scripts all can be read; what scripts would load is links that say what they are."""

import sqlalchemy as sa
from flask_security import hash_password
from playwright.sync_api import Browser, expect

from crm_app.accounts.models import User
from crm_app.extensions import db
from tests.browser.office import Office
from tests.browser.story import ANA, add_contact, talk

PASSWORD = "a password of Bob's that is long"


def bob_has_a_password(office: Office) -> None:
    def give() -> None:
        hashed = hash_password(PASSWORD)
        db.session.execute(sa.update(User).where(User.name == "Bob").values(password=hashed))

    office.do(give)


def test_one_comes_from_the_sign_in_to_the_page_of_a_call(office: Office, browser: Browser) -> None:
    bob_has_a_password(office)
    add_contact(office, "Beatriz Gonçalves", ANA)
    talk(office)
    office.end(office.ring(ANA, "101"))
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{office.url}/")
    page.get_by_label("E-mail", exact=True).fill("bob@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.locator("section[aria-labelledby=today-missed]").get_by_role(
        "link", name="Beatriz Gonçalves"
    ).click()
    expect(page.locator(".placeholder")).to_have_count(0)
    for words in ("Leads of", "Tasks of", "Calls with"):
        expect(page.get_by_role("link", name=f"{words} Beatriz Gonçalves – open")).to_be_visible()
    page.get_by_role("link", name="Calls with Beatriz Gonçalves – open").click()
    expect(page.get_by_role("heading", name="Beatriz Gonçalves")).to_be_visible()
    row = page.locator(".list-group-item", has_text="Answered")
    row.get_by_role("link").first.click()
    expect(page.locator("#call-history")).to_contain_text("Ended after")
    context.close()
