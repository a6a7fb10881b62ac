"""The key pad of the dialler: by mouse, by the keyboard, by pasting, by thumb."""

from playwright.sync_api import expect

from tests.browser.conftest import SignIn
from tests.browser.office import Office


def test_a_number_is_put_together_with_the_pad_of_the_top_bar(
    office: Office, sign_in: SignIn
) -> None:
    page = sign_in("Bob").new_page()
    page.goto(f"{office.url}/contacts")
    page.get_by_role("button", name="Key pad and numbers called last").click()
    pad, field = page.locator("#dial-pad"), page.locator("#dialler-top [name=number]")
    expect(pad).to_contain_text("You have not called anybody yet.")
    pad.get_by_role("button", name="+", exact=True).click()
    page.keyboard.type("3519")
    page.keyboard.press("Backspace")
    expect(field).to_have_value("+351")
    expect(pad.locator(".dial-pad-shown")).to_have_text("+351")
    page.evaluate(
        """() => {
            const clipboardData = new DataTransfer();
            clipboardData.setData("text", " (0) 910 000-042 ");
            const event = new ClipboardEvent("paste", { clipboardData, bubbles: true });
            document.activeElement.dispatchEvent(event);
        }"""
    )
    expect(field).to_have_value("+351(0) 910 000-042")
    page.keyboard.press("Escape")
    expect(pad).to_be_hidden()


def test_it_is_open_on_its_own_page_where_there_is_no_room(office: Office, sign_in: SignIn) -> None:
    page = sign_in("Bob").new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{office.url}/contacts")
    page.get_by_role("link", name="Call a number").click()
    page.wait_for_url("**/telephony/dials")
    keys = page.locator(".dial-page .dial-pad-keys")
    for digit in "910":
        keys.get_by_role("button", name=digit, exact=True).click()
    expect(page.locator("#dialler-page [name=number]")).to_have_value("910")
    heights = keys.locator("[data-key]:visible").evaluate_all(
        "keys => keys.map((key) => key.getBoundingClientRect().height)"
    )
    assert min(heights) >= 44
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
