"""A day of calls by the keyboard alone, in which the focus is never lost."""

from datetime import timedelta

from playwright.sync_api import expect
from sqlalchemy import select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.accounts.passwords.hashing import make_hash
from crm_app.demo import make_task
from crm_app.extensions import db
from crm_app.simulator.office import Simulator
from crm_app.telephony import services as telephony
from tests.browser.conftest import SignIn, eventually, until
from tests.browser.hands import KEYS, Hands, screen
from tests.browser.office import Office
from tests.browser.story import ANA, CARD, ENDED, OPEN, RUI, talk, written
from tests.browser.test_dial_cards import exchange, office, pbx  # noqa: F401
from tests.browser.unsaved import PASSWORD

NOWHERE = "document.activeElement === document.body"


def make_ready() -> str:
    """Give Bob a password and something to do; gives his e-mail address.

    The office makes no call-backs: Today lists its missed clients.
    """
    telephony.set_switches({"call_backs": "off"})
    bob = db.session.scalars(select(User).where(User.name == "Bob")).one()
    bob.password = make_hash(PASSWORD, email=bob.email, name=bob.name)
    make_task("Send the offer", assignee=bob, due_on=clock.now().date() - timedelta(days=1))
    return bob.email


def has_come(hands: Hands, title: str) -> None:
    """Wait until a page has come and the tray with it."""
    expect(hands.page.locator("main h1")).to_contain_text(title)
    hands.page.wait_for_selector("#lamp[data-live-state=ok]", state="attached")
    hands.page.wait_for_selector("#tray[data-loaded]", state="attached")


def signs_in(hands: Hands, office: Office) -> None:  # noqa: F811
    """Sign Bob in."""
    email = office.do(make_ready)
    hands.page.goto(f"{office.url}/login")
    hands.point(hands.page.get_by_label("E-mail"))
    hands.type(email)
    hands.point(hands.page.get_by_label("Password", exact=True))
    hands.type(PASSWORD)
    hands.press("Enter")
    has_come(hands, "Today")


def is_called(hands: Hands, office: Office) -> str:  # noqa: F811
    """Let a client call: opened, talked with, noted down, written up."""
    page, card = hands.page, hands.page.locator(OPEN)
    call = office.ring(RUI, "101")
    expect(card).to_have_attribute("data-state", "ringing")
    hands.press("F2")
    expect(card).to_be_focused()
    hands.press("Enter")
    has_come(hands, "Rui Reis")
    edit = page.locator("main .page-header").get_by_role("link", name="Edit")
    hands.point(edit)
    office.answer(call, "101")
    expect(card).to_have_attribute("data-state", "answered")
    expect(edit).to_be_focused()
    hands.press("F2")
    expect(card).to_be_focused()
    hands.type("Wants a price")
    expect(card.get_by_label("Note")).to_be_focused()
    hands.press("Enter")
    expect(card).to_be_focused()
    office.end(call, talk_seconds=65)
    expect(card).to_have_attribute("data-state", "ended")
    expect(card).to_be_focused()
    hands.press("2")
    hands.press("Enter")
    expect(page.locator(CARD)).to_have_count(0)
    expect(edit).to_be_focused()
    return call


def misses_one(hands: Hands, office: Office, pbx: Simulator) -> None:  # noqa: F811
    """Let a client give up, who is called back from Today."""
    page = hands.page
    hands.point(page.locator("#side-menu").get_by_role("link", name="Today"))
    hands.press("Enter")
    has_come(hands, "Today")
    tick = page.locator("main").get_by_role("checkbox", name="Send the offer")
    hands.point(tick)
    office.end(office.ring(ANA, "101"))
    missed = page.locator("#today-follows [id^=missed-]", has_text="Ana Sousa")
    expect(missed).to_be_visible()
    expect(page.locator(CARD)).to_have_count(0)
    expect(tick).to_be_focused()
    back = missed.locator("[data-call-number]")
    hands.point(back)
    hands.press("Enter")
    expect(back).to_have_attribute("aria-busy", "true")
    expect(back).to_be_focused()
    eventually(page, lambda: pbx.live_calls, "the PBX rings the phone")
    pbx.live_calls[0].start()
    expect(page.locator(OPEN)).to_contain_text("Ana Sousa")
    expect(back).not_to_have_attribute("aria-busy", "true")
    expect(back).to_be_focused()


def writes_up_what_waits(hands: Hands, office: Office) -> list[str]:  # noqa: F811
    """Talk twice, let both wait, and write both up by the panel."""
    page = hands.page
    tick = page.locator("main").get_by_role("checkbox", name="Send the offer")
    hands.point(tick)
    calls = [talk(office, RUI), talk(office, RUI)]
    card = page.locator(f"{ENDED}[data-call-id='{calls[1]}']")
    expect(card).to_be_visible()
    expect(tick).to_be_focused()
    hands.press("F2")
    expect(card).to_be_focused()
    hands.point(card.get_by_role("button", name="Write up later"))
    hands.press("Enter")
    expect(page.locator("[data-write-ups-open='2']")).to_be_visible()
    expect(card).to_have_count(0)
    expect(tick).to_be_focused()
    hands.press("Shift+F2")
    rows = page.locator("#write-ups [data-write-up]")
    expect(rows).to_have_count(2)
    with hands.at_most(4):
        for left in (2, 1):
            expect(rows.first.locator("summary")).to_be_focused()
            hands.press("3")
            hands.press("Enter")
            expect(rows).to_have_count(left - 1)
    expect(page.locator("[data-write-ups-open='0']")).to_be_attached()
    until(page, f"!({NOWHERE})")
    hands.press("Escape")
    expect(page.locator("#write-ups")).to_be_hidden()
    expect(tick).to_be_focused()
    return calls


def ticks(hands: Hands) -> None:
    """Tick what was to be done."""
    tick = hands.page.locator("main").get_by_role("checkbox", name="Send the offer")
    hands.point(tick)
    hands.press("Space")
    expect(tick).to_be_checked()
    expect(tick).to_be_focused()


def test_a_day_of_calls_by_the_keyboard_alone(
    office: Office,  # noqa: F811
    pbx: Simulator,  # noqa: F811
    sign_in: SignIn,
) -> None:
    context = sign_in("Bob", **screen(KEYS))
    context.clear_cookies()
    hands = Hands(context.new_page(), KEYS)
    signs_in(hands, office)
    call = is_called(hands, office)
    assert (call, "interested", "Wants a price", True) in written(office)
    misses_one(hands, office, pbx)
    pbx.live_calls[0].hang_up()
    calls = writes_up_what_waits(hands, office)
    for each in calls:
        assert (each, "call_again", "", True) in written(office)
    ticks(hands)
