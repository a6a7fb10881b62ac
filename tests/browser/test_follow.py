"""Today, the log and a contact's page show what happens, and disturb nobody who uses them."""

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from crm_app.accounts.models import User
from crm_app.demo import make_contact
from crm_app.extensions import db
from tests.browser.conftest import SignIn, until_heard, watching
from tests.browser.office import Office
from tests.browser.story import ANA, CARD, RUI, STRANGER, id_of
from tests.screenshots.visit import BOXES_CAME

# After so long a page notices by itself that nothing arrives any more.
SILENCE_MS = 25_000
MISSED = "section[aria-labelledby=today-missed]"
NEWS = "[data-js-news]:visible"


def miss(office: Office, number: str, *extensions: str) -> str:
    """Let somebody call and give up."""
    call = office.ring(number, *extensions)
    office.end(call)
    return call


def contact(office: Office, name: str, number: str, responsible: str = "") -> int:
    def add() -> int:
        user = db.session.scalar(db.select(User).where(User.name == responsible))
        values = {"responsible_id": user.id} if user else {}
        return make_contact(name, phones=(number,), **values).id

    return office.do(add)


def away(page: Page) -> None:
    """Put the pointer where nothing is."""
    page.mouse.move(1, 1)


def place_of(element: Locator) -> tuple[float, float]:
    box = element.bounding_box()
    assert box is not None
    return box["x"], box["y"]


def test_a_missed_call_appears_on_today_and_goes_after_a_talk(
    office: Office, sign_in: SignIn
) -> None:
    contact(office, "Ana Sousa", ANA)
    page = watching(sign_in("Bob"), office, "/")
    away(page)
    box = page.locator(MISSED)
    expect(box).to_contain_text("Nobody is waiting")
    miss(office, ANA, "101")
    expect(box.get_by_role("link", name="Ana Sousa")).to_be_visible()
    miss(office, ANA, "101")
    expect(box).to_contain_text("2×")
    expect(box.locator("[data-call-number]")).to_have_count(1)
    call = office.ring(ANA, "102")
    office.answer(call, "102")
    expect(box).to_contain_text("Nobody is waiting")


def test_the_team_switch_shows_a_manager_what_rang_at_the_phones_of_others(
    office: Office, sign_in: SignIn
) -> None:
    contact(office, "Ana Sousa", ANA)
    page = watching(sign_in("Alice"), office, "/")
    box = page.locator(MISSED)
    miss(office, ANA, "102")
    box.get_by_role("link", name="Team").click()
    expect(box).to_contain_text("Ana Sousa")
    away(page)
    miss(office, STRANGER, "103")
    expect(box.locator("[data-call-number]")).to_have_count(2)
    box.get_by_role("link", name="Mine").click()
    expect(box).to_contain_text("Nobody is waiting")


def test_the_missed_call_of_a_client_of_mine_reaches_me_though_my_phone_was_silent(
    office: Office, sign_in: SignIn
) -> None:
    contact(office, "Ana Sousa", ANA, "Carol")
    page = watching(sign_in("Carol"), office, "/")
    away(page)
    miss(office, ANA, "102")
    expect(page.locator(MISSED)).to_contain_text("Ana Sousa")


def test_the_log_shows_a_call_while_it_rings_and_how_it_ended(
    office: Office, sign_in: SignIn
) -> None:
    page = watching(sign_in("Carol"), office, "/calls")
    away(page)
    call = office.ring(ANA, "101")
    row = page.locator(f"#row-of-call-{id_of(office, call)}")
    expect(row).to_contain_text("Ringing")
    office.answer(call, "101")
    expect(row).to_contain_text("Talking")
    office.end(call, talk_seconds=30)
    expect(row).to_contain_text("Answered")


def test_the_log_moves_nothing_under_the_pointer_and_offers_the_new_calls(
    office: Office, sign_in: SignIn
) -> None:
    miss(office, ANA, "101")
    page = watching(sign_in("Carol"), office, "/calls")
    row = page.locator("#call-list tbody tr").first
    row.hover()
    before = place_of(row)
    miss(office, RUI, "101")
    miss(office, STRANGER, "101")
    # What is heard only after the click would be news again.
    until_heard(page, office)
    button = page.locator(f"#call-list {NEWS}")
    expect(button).to_have_text("2 new calls – show")
    expect(page.locator("#call-list tbody tr")).to_have_count(1)
    assert place_of(row) == before
    button.click()
    expect(page.locator("#call-list tbody tr")).to_have_count(3)
    expect(page.locator(f"#call-list {NEWS}")).to_have_count(0)


def test_the_log_keeps_its_filter_and_an_older_page_stays_as_it_is(
    office: Office, sign_in: SignIn
) -> None:
    miss(office, ANA, "101")
    context = sign_in("Carol")
    page = watching(context, office, f"/calls?client={ANA[4:]}")
    older = watching(context, office, "/calls?cursor=nonsense")
    expect(older.locator("[data-js-follows]")).to_have_count(0)
    page.bring_to_front()
    away(page)
    miss(office, RUI, "101")
    miss(office, ANA, "101")
    expect(page.locator("#call-list tbody tr")).to_have_count(2)
    expect(page.locator("#call-list")).not_to_contain_text("910 000 043")


def test_a_focused_row_waits_until_the_focus_has_left(office: Office, sign_in: SignIn) -> None:
    miss(office, ANA, "101")
    page = watching(sign_in("Carol"), office, "/calls")
    away(page)
    link = page.locator("#call-list tbody td.call-when a")
    link.focus()
    miss(office, RUI, "101")
    expect(page.locator(f"#call-list {NEWS}")).to_have_text("1 new call – show")
    expect(link).to_be_focused()
    page.get_by_label("Client").focus()
    expect(page.locator("#call-list tbody tr")).to_have_count(2)
    expect(page.get_by_label("Client")).to_be_focused()


def test_a_contacts_page_shows_the_call_with_them_and_a_note_that_is_typed_stays(
    office: Office, sign_in: SignIn
) -> None:
    ana = contact(office, "Ana Sousa", ANA)
    contact(office, "Rui Melo", RUI)
    context = sign_in("Carol")
    page = watching(context, office, f"/contacts/{ana}")
    box = page.get_by_role("region", name="Calls", exact=True)
    expect(box).to_contain_text("No calls yet.")
    # The boxes above the note have their height once they have come.
    page.wait_for_selector(BOXES_CAME, state="attached")
    note = page.locator("#notes textarea")
    note.fill("Wants a quote")
    away(page)
    before = place_of(note)
    call = office.ring(ANA, "101")
    office.answer(call, "101")
    expect(box).to_contain_text("Talking")
    expect(note).to_be_focused()
    expect(note).to_have_value("Wants a quote")
    assert place_of(note) == before
    office.end(call, talk_seconds=5)
    expect(box).to_contain_text("Answered")


def test_the_page_of_a_call_follows_it(office: Office, sign_in: SignIn) -> None:
    call = office.ring(ANA, "101")
    page = watching(sign_in("Carol"), office, f"/calls/{id_of(office, call)}")
    away(page)
    facts = page.locator("[data-js-follows]").first
    expect(facts).to_contain_text("Ringing")
    office.answer(call, "101")
    expect(facts).to_contain_text("Talking")
    expect(page.locator("#call-history")).to_contain_text("Answered: Bob")


def test_a_page_in_the_background_asks_when_it_is_looked_at(
    office: Office, sign_in: SignIn
) -> None:
    page = watching(sign_in("Bob"), office, "/calls")
    away(page)
    hide(page, hidden=True)
    # A page that was slow to come asks once more by itself: before it is hidden, that is no fault.
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    call = office.ring(ANA, "101")
    # The tray and the log hear of it in one message.
    expect(page.locator(CARD)).to_be_visible()
    assert f"{office.url}/calls" not in asked
    hide(page, hidden=False)
    expect(page.locator(f"#row-of-call-{id_of(office, call)}")).to_be_visible()


def hide(page: Page, *, hidden: bool) -> None:
    """Let the page believe that it is behind another one, or in front again."""
    page.evaluate(
        """(hidden) => {
            Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


@pytest.mark.parametrize("path", ["/", "/calls"])
def test_what_was_missed_while_nothing_arrived_is_shown_afterwards(
    office: Office, sign_in: SignIn, path: str
) -> None:
    context: BrowserContext = sign_in("Bob")
    page = watching(context, office, path)
    away(page)
    lamp = page.locator("#lamp")
    context.set_offline(True)
    expect(lamp).to_have_attribute("data-live-state", "down", timeout=SILENCE_MS / 2)
    miss(office, ANA, "101")
    context.set_offline(False)
    expect(lamp).to_have_attribute("data-live-state", "ok")
    expect(page.locator("main")).to_contain_text("910 000 042")


def test_it_says_that_there_is_no_connection_and_keeps_the_text(
    office: Office, sign_in: SignIn
) -> None:
    ana = contact(office, "Ana Sousa", ANA)
    context = sign_in("Bob")
    page = watching(context, office, f"/contacts/{ana}")
    note = page.locator("#notes textarea")
    note.fill("Precious")
    context.set_offline(True)
    page.get_by_role("button", name="Save note").click()
    expect(page.locator("#toasts .toast")).to_have_text(
        "Not saved: no connection. Your text is still here."
    )
    expect(note).to_have_value("Precious")
    context.set_offline(False)
    page.get_by_role("button", name="Save note").click()
    expect(page.locator("#toasts")).not_to_contain_text("no connection")
    expect(page.locator("#notes")).to_contain_text("Precious")
