"""Calls that are asked for: the button speaks, the tray has one row, and nobody is interrupted."""

import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import func, select

from crm_app.accounts.models import User
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.live import bus
from crm_app.live.services import tell
from crm_app.simulator.office import INTERACTIVE, Simulator
from crm_app.telephony import services as telephony
from crm_app.telephony.dialling.models import DialRequest, DialState
from crm_app.telephony.models import TelephonySettings
from tests.browser.axe import AXE, grave
from tests.browser.conftest import SignIn, watching
from tests.browser.office import Office
from tests.browser.story import ANA, CARD, RUI

Open = Callable[..., Page]
ROW, ASK = "#dials .dial-row", "#dial-ask"
SIZES = pytest.mark.parametrize("width", [1280, 390])
WATCH = """() => {
  window.exchanged = 0;
  new MutationObserver((records) => {
    for (const { addedNodes, removedNodes } of records) {
      const nodes = [...addedNodes, ...removedNodes].filter((node) => node.textContent.trim());
      window.exchanged += nodes.length;
    }
  }).observe(document.getElementById("dials"), { childList: true, subtree: true });
}"""
KEY, SECRET = secrets.token_hex(10), secrets.token_hex(10)


@pytest.fixture(scope="module")
def exchange(
    tmp_path_factory: pytest.TempPathFactory, bus_url: str
) -> Iterator[tuple[Office, Simulator]]:
    """A served office that asks a played PBX, which posts to it."""
    office = Office(tmp_path_factory.mktemp("exchange"), bus_url)
    with Simulator(KEY, SECRET, f"{office.url}/zadarma", ring_seconds=None) as pbx:
        office.more = {"ZADARMA_API_URL": pbx.url, "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8"}
        connect(office)
        office.start()
        yield office, pbx
        office.stop()


def connect(office: Office) -> None:
    """Store the keys of the played PBX."""
    vault = office.app.extensions["vault"]
    office.do(lambda: telephony.save_keys(KEY, SECRET, vault))
    office.do(telephony.drop_token)


@pytest.fixture
def pbx(exchange: tuple[Office, Simulator]) -> Simulator:
    """The PBX: a click rings Bob's phone until somebody picks it up."""
    pbx = exchange[1]
    pbx.account.callback, pbx.account.balance = INTERACTIVE, Decimal(25)
    return pbx


@pytest.fixture
def orders(pbx: Simulator) -> Callable[[], int]:
    """Count how often a test lets the PBX be asked to call."""

    def count() -> int:
        return sum(call.path == "/v1/request/callback/" for call in pbx.api_calls)

    before = count()
    return lambda: count() - before


@pytest.fixture
def office(exchange: tuple[Office, Simulator], bus_url: str) -> Office:
    """The office of that PBX, with two contacts."""
    office = exchange[0]
    bus.configure(bus_url)
    bus.client().flushdb()
    office.forget_everything()
    connect(office)

    def add() -> None:
        make_contact("Ana Sousa", phones=(ANA,))
        make_contact("Rui Reis", phones=(RUI,), do_not_call=True)

    office.do(add)
    return office


@pytest.fixture
def opened(sign_in: SignIn, office: Office) -> Open:
    """Open a page as Bob on a screen of a given width."""

    def open_(width: int = 1280, path: str = "/contacts") -> Page:
        context = sign_in("Bob", viewport={"width": width, "height": 844})
        context.add_init_script(AXE)
        return watching(context, office, path)

    return open_


def call_button(page: Page, number: str) -> Locator:
    return page.locator(f"main [data-call-number='{number}']").first


def ask_for_a_call(office: Office, state: DialState = DialState.ACCEPTED) -> int:
    """Let Bob ask for a call that the PBX has accepted."""

    def ask() -> int:
        bob = db.session.scalars(select(User).where(User.name == "Bob")).one()
        request = DialRequest(user_id=bob.id, extension="101", number=ANA, state=state)
        db.session.add(request)
        db.session.flush()
        return request.id

    return office.do(ask)


def say(office: Office, dial_id: int) -> None:
    """Let the stream say that a dial request has changed."""

    def send() -> None:
        tell([db.session.get_one(DialRequest, dial_id).user_id], {"dial": dial_id})

    office.do(send)


@SIZES
def test_one_click_calls_and_the_button_says_to_pick_up_until_the_call_comes(
    pbx: Simulator,
    orders: Callable[[], int],
    office: Office,
    opened: Open,
    width: int,
) -> None:
    page = opened(width)
    button = call_button(page, ANA)
    before = button.bounding_box()

    button.click()

    expect(button).to_contain_text("Pick up…")
    expect(button).to_have_attribute("aria-busy", "true")
    expect(page.locator(ROW)).to_have_count(1)
    expect(page.locator(ROW)).to_contain_text("Ana Sousa")
    expect(page.locator(ROW)).to_contain_text("Your phone rings first")
    row = page.locator(ROW).bounding_box()
    assert row
    assert 44 <= row["height"] <= 64
    assert button.bounding_box() == before
    assert grave(page, "main") == []
    assert grave(page, "#dials") == []
    assert orders() == 1
    pbx.live_calls[0].start()
    expect(page.locator(CARD)).to_have_count(1)
    expect(page.locator(ROW)).to_have_count(0)
    expect(button).not_to_contain_text("Pick up…")
    expect(button).not_to_have_attribute("aria-busy", "true")


def test_two_quick_clicks_are_one_order(
    pbx: Simulator, orders: Callable[[], int], office: Office, opened: Open
) -> None:
    page = opened()
    call_button(page, ANA).dblclick()
    expect(call_button(page, ANA)).to_contain_text("Pick up…")
    call_button(page, ANA).click()
    expect(page.locator(ROW)).to_have_count(1)
    page.reload()
    expect(page.locator(ROW)).to_contain_text("Your phone rings first")
    assert orders() == 1
    assert office.do(lambda: db.session.scalar(select(func.count(DialRequest.id)))) == 1


@SIZES
def test_a_second_number_is_refused_beside_its_button_while_the_phone_rings(
    pbx: Simulator,
    orders: Callable[[], int],
    office: Office,
    opened: Open,
    width: int,
) -> None:
    office.do(lambda: make_contact("Vera", phones=("+351910000077",)))
    page = opened(width)
    call_button(page, ANA).click()
    expect(call_button(page, ANA)).to_contain_text("Pick up…")
    call_button(page, "+351910000077").click()
    expect(page.locator(ASK)).to_contain_text("Your phone is ringing for 910 000 042 already.")
    stands_beside(page, call_button(page, "+351910000077"))
    expect(call_button(page, "+351910000077")).not_to_contain_text("Pick up…")
    expect(call_button(page, ANA)).to_contain_text("Pick up…")
    assert orders() == 1


def stands_beside(page: Page, button: Locator) -> None:
    """Check that what is asked is in sight, and not far from the button."""
    # It is tied to its button once what was swapped stands there.
    expect(page.locator(ASK)).to_be_visible()
    expect(button).to_have_attribute("data-dial-anchor", "")
    box, anchor, size = page.locator(ASK).bounding_box(), button.bounding_box(), page.viewport_size
    assert box
    assert anchor
    assert size
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= size["width"]
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= size["height"]
    below = box["y"] - (anchor["y"] + anchor["height"])
    above = anchor["y"] - (box["y"] + box["height"])
    assert 0 <= max(below, above) < 24
    assert box["x"] - 24 < anchor["x"] + anchor["width"]
    assert box["x"] + box["width"] + 24 > anchor["x"]


@SIZES
def test_a_question_opens_beside_the_button_and_is_answered_by_keys(
    pbx: Simulator,
    orders: Callable[[], int],
    office: Office,
    opened: Open,
    width: int,
) -> None:
    page = opened(width)
    button = call_button(page, RUI)
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator(ASK)).to_contain_text("This contact asked not to be called. Call anyway?")
    expect(page.get_by_role("dialog").get_by_role("button", name="Cancel")).to_be_focused()
    stands_beside(page, button)
    assert grave(page, ASK) == []

    page.keyboard.press("Escape")
    expect(page.locator(ASK)).to_be_hidden()
    expect(button).to_be_focused()
    assert orders() == 0

    page.keyboard.press("Enter")
    expect(page.locator(ASK)).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(button).to_contain_text("Pick up…")
    expect(page.locator(ASK)).to_be_hidden()
    expect(button).to_be_focused()
    assert orders() == 1


@pytest.mark.parametrize(("width", "path"), [(1280, "/contacts"), (390, "/telephony/dials")])
def test_a_typing_error_stands_below_the_field_and_the_field_keeps_text_and_focus(
    pbx: Simulator, office: Office, opened: Open, width: int, path: str
) -> None:
    page = opened(width, path)
    field = page.get_by_label("Number to call").locator("visible=true")
    field.fill("91")
    field.press("Enter")
    expect(field).to_have_accessible_description("This number is too short.")
    expect(field).to_have_value("91")
    expect(field).to_be_focused()
    expect(page.locator(ROW)).to_have_count(0)
    error = page.locator(".dialler-error").get_by_text("This number is too short.")
    below, above = error.bounding_box(), field.bounding_box()
    assert below
    assert above
    assert 0 <= below["y"] - (above["y"] + above["height"]) < 12
    assert grave(page, ".dialler:has([aria-invalid])") == []

    page.keyboard.type("0 000 042")
    field.press("Enter")
    expect(page.locator(ROW)).to_contain_text("Your phone rings first")
    expect(field).to_have_value("")
    expect(field).not_to_have_attribute("aria-invalid", "true")
    expect(page.locator(".dialler-error").locator("visible=true")).to_have_count(0)


@SIZES
def test_a_failure_is_one_red_row_that_goes_with_the_page_and_is_kept_behind_the_bell(
    pbx: Simulator, office: Office, opened: Open, width: int
) -> None:
    page = opened(width)
    pbx.account.balance = Decimal(0)
    for _ in range(3):
        with page.expect_response("**/telephony/dial"):
            call_button(page, ANA).click()
        # A button that is busy takes no click, and the row may be that of the click before.
        expect(call_button(page, ANA)).not_to_have_attribute("aria-busy", "true")
        expect(page.locator(ROW)).to_contain_text("no credit left")
    expect(page.locator(ROW)).to_have_count(1)
    assert grave(page, "#dials") == []
    page.reload()
    page.wait_for_selector("#lamp[data-live-state=ok]", state="attached")
    expect(page.locator(ROW)).to_have_count(0)

    page.get_by_role("button", name="Live calls").click()
    failed = page.locator(".lamp-menu [data-failed-dial]")
    expect(failed).to_have_count(1)
    expect(failed).to_contain_text("Ana Sousa")
    expect(failed).to_contain_text("no credit left")
    assert grave(page, ".lamp-menu") == []
    pbx.account.balance = Decimal(25)
    office.do(forget_balance)
    failed.get_by_role("button", name="Try again: Ana Sousa").click()
    expect(page.locator(ROW)).to_contain_text("Your phone rings first")


def forget_balance() -> None:
    """Let the office ask again what money there is."""
    TelephonySettings.current().balance_at = None


def test_the_list_behind_the_bell_can_be_cleared(
    pbx: Simulator, office: Office, opened: Open
) -> None:
    pbx.account.callback = "callback-manager-declines"
    page = opened()
    call_button(page, ANA).click()
    expect(page.locator(ROW)).to_contain_text("Your phone rang, but it was not picked up.")
    page.get_by_role("button", name="Live calls").click()
    page.get_by_role("button", name="Clear the list").click()
    expect(page.locator(".lamp-menu [data-failed-dial]")).to_have_count(0)
    expect(page.get_by_role("button", name="Clear the list")).to_have_count(0)


def test_it_leaves_the_focus_and_says_nothing_while_nothing_changes(
    office: Office, opened: Open
) -> None:
    dial_id = ask_for_a_call(office, DialState.FAILED)
    page = opened()
    expect(page.locator(ROW)).to_have_count(0)
    office.do(lambda: set_state(dial_id, DialState.ACCEPTED))
    say(office, dial_id)
    expect(page.locator(ROW)).to_have_count(1)
    page.evaluate(WATCH)
    page.locator("main a").first.focus()
    for _ in range(2):
        with page.expect_response("**/telephony/dials?**"):
            say(office, dial_id)
    expect(page.locator("main a").first).to_be_focused()
    assert page.evaluate("exchanged") == 0


def set_state(dial_id: int, state: DialState, code: str = "") -> None:
    request = db.session.get_one(DialRequest, dial_id)
    request.state, request.error_code = state, code


def test_it_shows_what_has_changed_and_stops_asking_when_nothing_can_come(
    office: Office, opened: Open
) -> None:
    dial_id = ask_for_a_call(office)
    page = opened()
    expect(page.locator("[data-dial-state=accepted]")).to_be_visible()
    page.clock.install()
    office.do(lambda: set_state(dial_id, DialState.PICKED_UP))
    say(office, dial_id)
    expect(page.locator(ROW)).to_contain_text("Dialling…")
    office.do(lambda: set_state(dial_id, DialState.CONNECTED))
    say(office, dial_id)
    expect(page.locator(ROW)).to_have_count(0)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(60_000)
    assert [url for url in asked if "dials" in url] == []


def test_after_half_a_minute_the_row_says_by_itself_that_nobody_picked_up(
    office: Office, opened: Open
) -> None:
    dial_id = ask_for_a_call(office)

    def age() -> None:
        db.session.get_one(DialRequest, dial_id).created_at -= timedelta(seconds=22)

    page = opened()
    expect(page.locator("[data-dial-state=accepted]")).to_be_visible()
    office.do(age)
    say(office, dial_id)
    said = "Nobody picked up your phone, so no call was made."
    expect(page.locator("[data-dial-state=overdue]")).to_contain_text(said)
