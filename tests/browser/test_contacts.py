"""Contacts and the search box in a real browser, by the keyboard."""

import re

from playwright.sync_api import expect

from crm_app.contacts.models import ContactKind
from crm_app.demo import make_contact
from tests.browser.conftest import SignIn
from tests.browser.office import Office


def add_people(office: Office) -> int:
    """Add a company and João who works nowhere yet, whose id is given, and others."""

    def add() -> int:
        make_contact("Acme", kind=ContactKind.COMPANY)
        for number in range(3):
            make_contact(f"Cliente {number}")
        return make_contact("João Łukasz", phones=("912 345 678",)).id

    return office.do(add)


def test_it_opens_a_person_by_slash_a_few_digits_and_enter(office: Office, sign_in: SignIn) -> None:
    joao_id = add_people(office)
    page = sign_in("Bob").new_page()
    page.goto(f"{office.url}/contacts")

    page.keyboard.press("/")
    page.keyboard.type("2 345")
    page.keyboard.press("Enter")

    page.wait_for_url(f"{office.url}/contacts/{joao_id}")


def test_it_walks_the_hits_by_arrows_down_to_the_call_button(
    office: Office, sign_in: SignIn
) -> None:
    joao_id = add_people(office)
    page = sign_in("Bob").new_page()
    page.goto(f"{office.url}/contacts")
    box = page.get_by_role("combobox", name="Search people, companies and leads")

    box.press_sequentially("luka")
    # The hits of the letters before may stand there already.
    expect(page.locator("[data-js-search-for=luka]")).to_be_attached()
    expect(box).to_have_attribute("aria-expanded", "true")
    box.press("ArrowDown")
    expect(box).to_have_attribute("aria-activedescendant", f"hit-contact-{joao_id}")
    box.press("ArrowRight")
    expect(box).to_have_attribute("aria-activedescendant", f"hit-contact-{joao_id}-call")
    box.press("Escape")
    expect(box).to_have_attribute("aria-expanded", "false")


def test_it_narrows_the_list_while_typing_and_keeps_it_in_the_address(
    office: Office, sign_in: SignIn
) -> None:
    add_people(office)
    page = sign_in("Bob").new_page()
    page.goto(f"{office.url}/contacts")
    rows = page.locator("#contact-list tbody tr")
    expect(rows).to_have_count(5)

    page.locator("#contact-q").press_sequentially("joao")
    expect(rows).to_have_count(1)
    # The first letter alone leaves one row, too.
    page.wait_for_url(re.compile(r"[?&]q=joao(&|$)"))
    page.reload()

    expect(rows).to_have_count(1)
    expect(page.locator("#contact-q")).to_have_value("joao")


def test_it_adds_a_number_marks_it_main_and_chooses_a_company(
    office: Office, sign_in: SignIn
) -> None:
    joao_id = add_people(office)
    page = sign_in("Bob").new_page()
    page.goto(f"{office.url}/contacts/{joao_id}/edit")
    phones = page.locator("[data-js-rows=phones]")

    phones.get_by_role("button", name="Add a number").click()
    page.keyboard.type("963 111 222")
    phones.get_by_role("radio", name="main").last.check()
    page.locator("#company_id-q").press_sequentially("acm")
    expect(page.locator("#company_id-found")).to_contain_text("Acme")
    page.keyboard.press("Enter")
    expect(page.locator("[data-js-picker=company_id] .picker-chip")).to_contain_text("Acme")
    page.get_by_role("button", name="Save", exact=True).last.click()

    page.wait_for_url(f"{office.url}/contacts/{joao_id}")
    added = page.locator(".contact-reach li").filter(has_text="963 111 222")
    expect(added).to_contain_text("main")
    # The history names it, too.
    expect(page.locator("[data-call-number='+351912345678']").first).to_be_visible()
    expect(page.get_by_role("link", name="Acme")).to_be_visible()


def test_it_removes_the_main_number_and_marks_another_one(office: Office, sign_in: SignIn) -> None:
    numbers = ("912 345 678", "963 111 222", "211 234 567")
    ana_id = office.do(lambda: make_contact("Ana", phones=numbers).id)
    page = sign_in("Bob").new_page()
    page.goto(f"{office.url}/contacts/{ana_id}/edit")
    phones = page.locator("[data-js-rows=phones]")

    phones.get_by_role("button", name="Remove").first.click()
    expect(phones.get_by_role("radio", name="main").first).to_be_checked()
    phones.get_by_role("radio", name="main").nth(1).check()
    page.get_by_role("button", name="Save", exact=True).last.click()

    page.wait_for_url(f"{office.url}/contacts/{ana_id}")
    rows = page.locator(".contact-reach li")
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text="main")).to_contain_text("21 123 4567")
