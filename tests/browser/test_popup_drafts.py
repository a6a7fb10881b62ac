"""Nothing typed about a call is ever lost: two forms, saved write-ups, names, refused sendings."""

from playwright.sync_api import Page, Response, expect

from tests.browser.conftest import SignIn, until, watching
from tests.browser.office import Office
from tests.browser.story import ANA, CARD, ENDED, OPEN, STRANGER, id_of, talk, written

NO_DRAFT = "Object.keys(localStorage).every((key) => !key.includes('draft'))"
NO_NAME = "Object.keys(localStorage).every((key) => !key.includes('name'))"


def beside_its_page(office: Office, sign_in: SignIn) -> tuple[Page, str]:
    """Open the page of a call whose card is open, too; gives the PBX's id of the call."""
    page = watching(sign_in("Bob"), office)
    call = office.ring(ANA, "101")
    office.answer(call, "101")
    page.goto(f"{office.url}/calls/{id_of(office, call)}")
    expect(page.locator(CARD)).to_have_count(1)
    office.end(call, talk_seconds=65)
    expect(page.locator(ENDED)).to_have_count(1)
    page.reload()
    expect(page.locator(ENDED)).to_have_count(1)
    return page, call


def test_it_keeps_a_note_when_card_and_page_show_the_same_call(
    office: Office, sign_in: SignIn
) -> None:
    page, call = beside_its_page(office, sign_in)
    on_page, on_card = page.locator("main .wrapup"), page.locator(f"{ENDED} .wrapup")
    on_page.get_by_label("Note").fill("Wants the price")
    expect(on_card.get_by_label("Note")).to_have_value("Wants the price")
    until(page, NO_DRAFT)

    on_card.get_by_text("2Interested").click()

    expect(on_page.locator("[name=outcome]:checked")).to_have_value("interested")
    until(page, NO_DRAFT)
    assert written(office) == [(call, "interested", "Wants the price", False)]


def test_it_takes_what_was_typed_into_a_card_over_to_the_page(
    office: Office, sign_in: SignIn
) -> None:
    page = watching(sign_in("Bob"), office)
    call = talk(office, seen_on=page)
    page.get_by_label("Note").fill("Wants the pri")
    # Before the pause after which a draft is sent.
    page.goto(f"{office.url}/calls/{id_of(office, call)}")
    expect(page.locator("main .wrapup").get_by_label("Note")).to_have_value("Wants the pri")
    # The card was left: it waits in the counter.
    expect(page.locator(CARD)).to_have_count(0)


def test_it_keeps_an_edit_of_what_was_saved(office: Office, sign_in: SignIn) -> None:
    page = watching(sign_in("Bob"), office)
    call = talk(office, seen_on=page)
    page.get_by_label("Note").fill("Wants the price")
    page.keyboard.press("Enter")
    expect(page.locator(CARD)).to_have_count(0)
    page.goto(f"{office.url}/calls/{id_of(office, call)}")
    section = page.get_by_role("region", name="Written up by Bob")
    section.get_by_role("link", name="Edit").click()
    note = section.get_by_label("Note")
    expect(note).to_be_visible()
    page.wait_for_selector("#lamp[data-live-state=ok]", state="attached")
    note.fill("Wants the price of two")
    until(page, f"!({NO_DRAFT})")

    page.reload()

    expect(note).to_have_value("Wants the price of two")
    assert written(office) == [(call, "", "Wants the price", True)]
    section.get_by_role("button", name="Save").click()
    expect(section).to_contain_text("Wants the price of two")
    expect(note).to_have_count(0)
    assert written(office) == [(call, "", "Wants the price of two", True)]


def test_it_keeps_what_is_typed_on_after_another_form_has_saved_the_call(
    office: Office, sign_in: SignIn
) -> None:
    page, _call = beside_its_page(office, sign_in)
    on_card = page.locator(f"{ENDED} .wrapup").get_by_label("Note")
    on_card.fill("Wants the price")
    on_card.press("Enter")
    expect(page.locator(CARD)).to_have_count(0)
    note = page.locator("main").get_by_label("Note")

    def is_refused(answer: Response) -> bool:
        # A draft of what was saved may be on its way still, and was kept.
        return answer.url.endswith("/draft") and answer.status == 409

    with page.expect_response(is_refused):
        note.press_sequentially(" of two")
    expect(page.locator("main .wrapup")).to_have_attribute("data-js-draft", "")
    page.reload()
    section = page.get_by_role("region", name="Written up by Bob")
    section.get_by_role("link", name="Edit").click()
    expect(section.get_by_label("Note")).to_have_value("Wants the price of two")


def test_it_keeps_the_name_of_a_stranger_over_a_reload(office: Office, sign_in: SignIn) -> None:
    page = watching(sign_in("Bob"), office)
    office.ring(STRANGER, "101")
    page.get_by_text("New lead", exact=True).click()
    page.keyboard.type("Rita No")
    page.goto(f"{office.url}/leads")
    name = page.locator(CARD).get_by_role("textbox", name="Name")
    expect(name).to_have_value("Rita No")
    page.get_by_label("Close this card").click()
    expect(page.locator(OPEN)).to_have_count(0)
    until(page, NO_NAME)


def test_it_keeps_the_name_of_a_stranger_who_has_hung_up(office: Office, sign_in: SignIn) -> None:
    page = watching(sign_in("Bob"), office)
    call = office.ring(STRANGER, "101")
    page.get_by_text("New lead", exact=True).click()
    page.keyboard.type("Rita No")
    office.end(call)
    expect(page.locator(CARD)).to_have_attribute("data-state", "over")
    expect(page.locator(f"{CARD} header")).to_contain_text("Call ended")
    expect(page.locator(CARD).get_by_role("textbox", name="Name")).to_be_focused()
    page.goto(f"{office.url}/leads")
    expect(page.locator(CARD)).to_have_attribute("data-state", "over")
    expect(page.get_by_text("The call is over. What you typed is still here.")).to_be_visible()
    name = page.locator(CARD).get_by_role("textbox", name="Name")
    expect(name).to_have_value("Rita No")
    name.press_sequentially("va")
    name.press("Enter")
    expect(page.locator(CARD)).to_have_count(0)
    page.reload()
    page.wait_for_selector("#tray[data-loaded]")
    expect(page.locator(CARD)).to_have_count(0)


def test_it_forgets_the_name_of_a_stranger_who_was_made_a_lead(
    office: Office, sign_in: SignIn
) -> None:
    page = watching(sign_in("Bob"), office)
    office.ring(STRANGER, "101")
    page.get_by_text("New lead", exact=True).click()
    page.keyboard.type("Rita Nova")
    page.keyboard.press("Enter")
    expect(page.locator(CARD).get_by_role("link", name="Rita Nova", exact=True)).to_be_visible()
    until(page, NO_NAME)


def test_it_calls_back_whoever_it_turned_out_to_be(office: Office, sign_in: SignIn) -> None:
    page = watching(sign_in("Bob"), office)
    talk(office, STRANGER)
    card = page.locator(ENDED)
    card.get_by_text("Tomorrow", exact=True).click()
    expect(card.get_by_label("Task")).to_have_value("Call +34 910 00 00 99")
    until(page, NO_DRAFT)
    card.get_by_text("New lead", exact=True).click()
    page.keyboard.type("Rita Nova")
    page.keyboard.press("Enter")
    expect(card.get_by_role("link", name="Rita Nova", exact=True)).to_be_visible()
    expect(card.get_by_label("Task")).to_have_value("Call Rita Nova")


def test_it_keeps_a_title_that_was_typed(office: Office, sign_in: SignIn) -> None:
    page = watching(sign_in("Bob"), office)
    talk(office, ANA)
    card = page.locator(ENDED)
    card.get_by_text("Tomorrow", exact=True).click()
    card.get_by_label("Task").fill("Send the offer")
    page.reload()
    expect(card.get_by_label("Task")).to_have_value("Send the offer")
    until(page, NO_DRAFT)
    page.reload()
    expect(card.get_by_label("Task")).to_have_value("Send the offer")
