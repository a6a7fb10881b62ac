"""Keys that belong to an input method, as people write Japanese or Chinese, are no keys of ours."""

import pytest
from playwright.sync_api import Page, expect

from crm_app.contacts.models import ContactKind
from crm_app.demo import make_contact
from tests.browser.conftest import SignIn
from tests.browser.office import Office

# The second is what Safari says of the Enter that has just ended a word.
COMPOSING = ["isComposing: true", "keyCode: 229"]
BOX = "[data-js-search] [role=combobox]"


def press(page: Page, selector: str, key: str, more: str) -> bool:
    """Press a key as an input method does; tell whether the page left it alone."""
    pressed = f'{{key: "{key}", bubbles: true, cancelable: true, {more}}}'
    return bool(
        page.locator(selector).evaluate(
            f'(field) => field.dispatchEvent(new KeyboardEvent("keydown", {pressed}))'
        )
    )


@pytest.mark.parametrize("more", COMPOSING)
def test_the_enter_that_ends_a_word_opens_no_hit(
    office: Office, sign_in: SignIn, more: str
) -> None:
    contact_id = office.do(lambda: make_contact("Tanaka").id)
    page = sign_in("Bob").new_page()
    page.goto(f"{office.url}/contacts")
    page.locator(BOX).press_sequentially("tanaka")
    expect(page.locator(BOX)).to_have_attribute("aria-expanded", "true")
    for key in ("ArrowDown", "Escape", "Enter"):
        assert press(page, BOX, key, more)
    expect(page.locator(BOX)).to_have_attribute("aria-expanded", "true")
    assert page.locator("[data-js-search] [aria-selected]").count() == 0
    assert page.url == f"{office.url}/contacts"
    # And the next Enter is meant.
    page.press(BOX, "Enter")
    page.wait_for_url(f"{office.url}/contacts/{contact_id}")


@pytest.mark.parametrize("more", COMPOSING)
def test_the_enter_that_ends_a_word_chooses_nothing_in_a_form(
    office: Office, sign_in: SignIn, more: str
) -> None:
    office.do(lambda: make_contact("Oficina", kind=ContactKind.COMPANY).id)
    page = sign_in("Bob").new_page()
    page.goto(f"{office.url}/contacts/new")
    picker = "#company_id-q"
    page.locator(picker).press_sequentially("ofic")
    expect(page.locator("#company_id-found")).to_contain_text("Oficina")
    assert press(page, picker, "Enter", more)
    expect(page.locator(picker)).to_be_focused()
    assert page.locator("#company_id-found input:checked").count() == 0
