"""The cards of calls that were asked for: looked at again and again without anybody noticing."""

from playwright.sync_api import Page, expect
from sqlalchemy import select

from crm_app.accounts.models import User
from crm_app.extensions import db
from crm_app.telephony.dialling.models import DialRequest, DialState
from tests.browser.conftest import SignIn, watching
from tests.browser.office import Office
from tests.browser.story import ANA

WATCH = """() => {
  window.exchanged = 0;
  new MutationObserver((records) => {
    for (const { addedNodes, removedNodes } of records) {
      const nodes = [...addedNodes, ...removedNodes].filter((node) => node.textContent.trim());
      window.exchanged += nodes.length;
    }
  }).observe(document.getElementById("dials"), { childList: true, subtree: true });
}"""


def ask_for_a_call(office: Office, state: DialState = DialState.ACCEPTED) -> int:
    """Let Bob ask for a call that the PBX has accepted."""

    def ask() -> int:
        bob = db.session.scalars(select(User).where(User.name == "Bob")).one()
        request = DialRequest(user_id=bob.id, extension="101", number=ANA, state=state)
        db.session.add(request)
        db.session.flush()
        return request.id

    return office.do(ask)


def wait_for_looks(page: Page, count: int) -> None:
    """Wait until the page has asked so many times how far the calls have come."""
    for _ in range(count):
        with page.expect_response("**/telephony/dials", timeout=8_000):
            pass
    page.wait_for_timeout(300)


def test_it_leaves_the_focus_and_says_nothing_while_nothing_changes(
    office: Office, sign_in: SignIn
) -> None:
    ask_for_a_call(office)
    page = watching(sign_in("Bob"), office)
    close = page.locator(".dial-card").get_by_role("button", name="Close")
    close.focus()
    page.evaluate(WATCH)
    wait_for_looks(page, 2)
    expect(close).to_be_focused()
    assert page.evaluate("exchanged") == 0


def test_it_shows_what_has_changed_and_stops_asking_when_nothing_can_come(
    office: Office, sign_in: SignIn
) -> None:
    dial_id = ask_for_a_call(office)
    page = watching(sign_in("Bob"), office)
    close = page.locator(".dial-card").get_by_role("button", name="Close")
    close.focus()

    def fail() -> None:
        request = db.session.get_one(DialRequest, dial_id)
        request.state, request.error_code = DialState.FAILED, "not_connected"

    office.do(fail)
    expect(page.locator("[data-dial-state=failed]")).to_be_visible(timeout=8_000)
    expect(close).to_be_focused()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(4_000)
    assert [url for url in asked if "dials" in url] == []
    page.keyboard.press("Enter")
    expect(page.locator(".dial-card")).to_have_count(0)
