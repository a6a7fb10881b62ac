"""Numbers as people meet them: a short caller, somebody from the bin, a number nobody knows."""

from playwright.sync_api import expect
from sqlalchemy import select

from crm_app import clock
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact
from crm_app.extensions import db
from tests.browser.conftest import SignIn, watching
from tests.browser.office import Office
from tests.browser.story import ANA, CARD


def test_a_short_number_rings_like_any_other_and_becomes_a_contact(
    office: Office, sign_in: SignIn
) -> None:
    page = watching(sign_in("Bob"), office)
    office.ring("16200", "101")
    card = page.locator(CARD)
    expect(card.get_by_role("heading", name="16200")).to_be_visible()
    card.get_by_text("New lead").click()
    page.keyboard.type("Taxi")
    page.keyboard.press("Enter")
    expect(card.get_by_role("link", name="Taxi", exact=True)).to_be_visible()

    numbers = office.do(
        lambda: [phone.number for phone in db.session.scalars(select(Contact)).one().phones]
    )
    assert numbers == ["16200"]


def test_who_is_in_the_bin_is_restored_on_the_card(office: Office, sign_in: SignIn) -> None:
    office.do(lambda: make_contact("Ana Sousa", phones=(ANA,), deleted_at=clock.now()))
    page = watching(sign_in("Bob"), office)
    office.ring(ANA, "101")
    card = page.locator(CARD)
    expect(card.get_by_text("Ana Sousa is in the bin")).to_be_visible()
    card.get_by_role("button", name="Restore Ana Sousa").click()
    expect(card.get_by_role("link", name="Ana Sousa")).to_be_visible()
    expect(card.get_by_text("is in the bin")).to_have_count(0)


def test_a_number_that_no_plan_knows_is_saved_with_a_warning_at_its_field(
    office: Office, sign_in: SignIn
) -> None:
    page = sign_in("Bob").new_page()
    page.goto(f"{office.url}/contacts/new")
    page.get_by_label("Name", exact=True).fill("Rui")
    page.get_by_label("Number 1").fill("+351 970 000 123")
    page.get_by_role("button", name="Save").last.click()
    warning = "No numbering plan knows this number"
    expect(page.locator(".toast", has_text=warning)).to_be_visible()
    page.get_by_role("link", name="Edit").first.click()
    field = page.get_by_label("Number 1")
    expect(field).to_have_value("970 000 123")
    expect(page.locator("#phones-0-number-warning")).to_contain_text(warning)
    expect(field).to_have_attribute("aria-describedby", "phones-0-number-warning")
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_role("heading", name="Rui")).to_be_visible()
