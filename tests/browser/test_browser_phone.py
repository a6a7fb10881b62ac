"""The phone in the browser: its window, the pages that speak with it, and every way to hang up."""

import secrets
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from sqlalchemy import select

from crm_app.accounts.models import User
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.live import bus
from crm_app.simulator.calls import IncomingCall, OutgoingCall
from crm_app.simulator.office import Simulator
from crm_app.telephony import services as telephony
from tests.browser.axe import AXE, grave
from tests.browser.conftest import SignIn, eventually, watching
from tests.browser.office import Office
from tests.browser.story import ANA, Line

KEY, SECRET = secrets.token_hex(10), secrets.token_hex(10)
PHONE, LAMP = "#phone", "#phone-lamp"


@pytest.fixture(scope="module")
def browser(whole_browser: Browser) -> Browser:
    """The browser that has a microphone."""
    return whole_browser


@pytest.fixture(scope="module")
def exchange(
    tmp_path_factory: pytest.TempPathFactory, bus_url: str
) -> Iterator[tuple[Office, Simulator]]:
    """A served office whose phones are played, those in the browser too."""
    office = Office(tmp_path_factory.mktemp("phones"), bus_url)
    with Simulator(KEY, SECRET, f"{office.url}/zadarma", ring_seconds=None) as pbx:
        office.more = {"ZADARMA_API_URL": pbx.url, "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8"}
        office.start()
        yield office, pbx
        office.stop()


@pytest.fixture
def pbx(exchange: tuple[Office, Simulator]) -> Simulator:
    """The PBX; nothing goes on at it."""
    pbx = exchange[1]
    for call in list(pbx.live_calls):
        call.hang_up()
    pbx.live_calls.clear()
    pbx.account.webphone_keys.clear()
    return pbx


@pytest.fixture
def office(exchange: tuple[Office, Simulator], bus_url: str) -> Office:
    """The office of that PBX, where Bob uses the phone in the browser."""
    office = exchange[0]
    bus.configure(bus_url)
    bus.client().flushdb()
    office.forget_everything()
    vault = office.app.extensions["vault"]

    def set_up() -> None:
        telephony.save_keys(KEY, SECRET, vault)
        telephony.drop_token()
        telephony.set_switches({"browser_phone": "on"})
        make_contact("Ana Sousa", phones=(ANA,))
        bob_of().has_browser_phone = True

    office.do(set_up)
    return office


def bob_of() -> User:
    return db.session.scalars(select(User).where(User.name == "Bob")).one()


@pytest.fixture
def bob(sign_in: SignIn, office: Office, pbx: Simulator) -> BrowserContext:
    """Bob's browser, which may use the microphone."""
    context = sign_in("Bob", permissions=["microphone"])
    context.add_init_script(AXE)
    return context


def phone_of(context: BrowserContext, office: Office, state: str = "ready") -> Page:
    """Open the window of the phone."""
    page = context.new_page()
    page.goto(f"{office.url}/phone")
    in_state(page, state)
    return page


def in_state(page: Page, state: str) -> None:
    expect(page.locator(PHONE)).to_have_attribute("data-state", state)


def lamp_says(page: Page, state: str) -> None:
    expect(page.locator(LAMP)).to_have_attribute("data-phone-state", state)


def outgoing(pbx: Simulator) -> list[OutgoingCall]:
    return [call for call in pbx.live_calls if isinstance(call, OutgoingCall)]


def orders(pbx: Simulator) -> int:
    return sum(call.path == "/v1/request/callback/" for call in pbx.api_calls)


def click_ana(page: Page) -> None:
    page.locator(f"main [data-call-number='{ANA}']").first.click()


def test_it_is_opened_from_the_lamp_and_a_click_on_another_page_dials_there(
    pbx: Simulator, office: Office, bob: BrowserContext
) -> None:
    page = watching(bob, office)
    lamp_says(page, "closed")
    with page.expect_popup() as opened:
        page.locator(LAMP).click()
    phone = opened.value
    in_state(phone, "ready")
    lamp_says(page, "ready")
    before = orders(pbx)

    click_ana(page)

    in_state(phone, "outgoing")
    expect(phone.locator("#phone-who")).to_contain_text(ANA)
    lamp_says(page, "outgoing")
    # The window says whom it calls before the PBX has heard of it.
    expect(page.get_by_role("alertdialog")).to_contain_text("Ana Sousa")
    assert [(call.extension, call.client) for call in outgoing(pbx)] == [("101", ANA)]
    assert orders(pbx) == before
    expect(page.locator("#dials .dial-row")).to_have_count(0)
    outgoing(pbx)[0].answer()
    in_state(phone, "talking")
    lamp_says(page, "talking")

    click_ana(page)
    expect(page.locator("#dial-ask")).to_contain_text("Hang up there first.")
    assert len(outgoing(pbx)) == 1
    outgoing(pbx)[0].hang_up()
    lamp_says(page, "ready")


@pytest.mark.parametrize("state", ["outgoing", "talking"])
def test_it_hangs_up_a_call_that_it_made_and_dials_no_second_one(
    pbx: Simulator, office: Office, bob: BrowserContext, state: str
) -> None:
    phone, page = phone_of(bob, office), watching(bob, office)
    lamp_says(page, "ready")
    click_ana(page)
    in_state(phone, "outgoing")
    eventually(phone, lambda: outgoing(pbx) and outgoing(pbx)[0].state == "ringing", "rings")
    if state == "talking":
        outgoing(pbx)[0].answer()
        in_state(phone, "talking")
    phone.get_by_role("button", name="Hang up").click()
    in_state(phone, "ready")
    expect(phone.locator(".webphone-dialer-input")).to_have_value("")
    phone.locator(".webphone-call").click()
    assert [call.state for call in outgoing(pbx)] == ["ended"]


@pytest.mark.parametrize("state", ["incoming", "talking"])
def test_it_refuses_or_hangs_up_a_call_that_came(
    pbx: Simulator, office: Office, bob: BrowserContext, state: str
) -> None:
    phone = phone_of(bob, office)
    call: IncomingCall = pbx.ring(ANA, ["101"])
    in_state(phone, "incoming")
    if state == "talking":
        phone.get_by_role("button", name="Answer").click()
        in_state(phone, "talking")
        assert call.talker == "101"
        phone.get_by_role("button", name="5", exact=True).click()
        phone.get_by_role("button", name="Mute").click()
        expect(phone.locator(".webphone")).to_have_attribute("data-tones", "5")
        expect(phone.locator(".webphone")).to_have_attribute("data-muted", "on")
    phone.get_by_role("button", name="Hang up").click()
    in_state(phone, "ready")
    assert call.state == "ended"
    assert outgoing(pbx) == []


def test_a_second_window_waits_until_the_first_is_closed(
    pbx: Simulator, office: Office, bob: BrowserContext
) -> None:
    line, held = Line(bob, f"{pbx.url}/webphone/*"), list[Route]()
    page, first = watching(bob, office), phone_of(bob, office)
    second = phone_of(bob, office, "waiting")
    lamp_says(page, "ready")
    line.act = held.append
    click_ana(page)
    in_state(first, "outgoing")
    second.get_by_role("button", name="Use it here").click()
    expect(first.locator("#phone-last")).to_contain_text("Hang up first.")
    line.mend()
    for route in held:
        route.continue_()
    # What the PBX says of the call that was dialled takes nothing away.
    expect(first.locator(".webphone-dialer-input")).to_have_value(ANA)
    expect(first.locator("#phone-last")).to_contain_text("Hang up first.")
    first.get_by_role("button", name="Hang up").click()
    in_state(first, "ready")
    assert len(outgoing(pbx)) == 1
    second.get_by_role("button", name="Use it here").click()
    in_state(second, "ready")
    in_state(first, "waiting")
    second.close()
    in_state(first, "ready")
    lamp_says(page, "ready")


def test_a_reload_of_the_other_page_keeps_the_call_and_one_of_the_phone_ends_it(
    pbx: Simulator, office: Office, bob: BrowserContext
) -> None:
    page, phone = watching(bob, office), phone_of(bob, office)
    lamp_says(page, "ready")
    click_ana(page)
    in_state(phone, "outgoing")
    page.reload()
    lamp_says(page, "outgoing")
    in_state(phone, "outgoing")

    asked = []
    phone.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    phone.reload()
    in_state(phone, "ready")
    lamp_says(page, "ready")
    assert asked == ["beforeunload"]
    eventually(phone, lambda: [call.state for call in outgoing(pbx)] == ["ended"], "ended")
    phone.close()
    lamp_says(page, "closed")


def test_a_refused_microphone_is_said_and_calls_go_to_the_other_phone(
    pbx: Simulator, office: Office, sign_in: SignIn
) -> None:
    context = sign_in("Bob", permissions=[])
    page, phone = watching(context, office), phone_of(context, office, "no_microphone")
    expect(phone.get_by_role("status")).to_contain_text("Allow it beside the address")
    lamp_says(page, "no_microphone")
    before = orders(pbx)
    click_ana(page)
    eventually(page, lambda: orders(pbx) == before + 1, "the PBX rings the desk phone")
    assert not pbx.account.webphone_keys

    context.grant_permissions(["microphone"])
    phone.get_by_role("button", name="Try again").click()
    in_state(phone, "ready")
    lamp_says(page, "ready")


def test_it_says_why_the_pbx_gives_no_key_and_tries_again(
    pbx: Simulator, office: Office, bob: BrowserContext
) -> None:
    pbx.inject("error", path="/v1/webrtc/")
    phone = phone_of(bob, office, "failed")
    expect(phone.locator("#phone-why")).to_contain_text("Zadarma")
    pbx.heal()
    phone.get_by_role("button", name="Try again").click()
    in_state(phone, "ready")
    assert grave(phone, "main") == []


def test_it_says_what_the_widget_is_refused_for(
    pbx: Simulator, office: Office, bob: BrowserContext
) -> None:
    bob.route("**/phone/key", lambda route: route.fulfill(json={"key": "old", "login": "1-101"}))
    phone = phone_of(bob, office, "failed")
    expect(phone.locator("#phone-why")).to_have_text("Widget with this key and SIP not found.")


def test_it_goes_when_its_user_turns_it_off(
    pbx: Simulator, office: Office, bob: BrowserContext
) -> None:
    page, phone = watching(bob, office), phone_of(bob, office)
    lamp_says(page, "ready")
    phone.get_by_role("button", name="Do not use the phone in the browser").click()
    expect(phone.get_by_role("button", name="Use the phone in the browser")).to_be_visible()
    lamp_says(page, "closed")
    page.reload()
    expect(page.locator(LAMP)).to_have_count(0)
    before = orders(pbx)
    click_ana(page)
    eventually(page, lambda: orders(pbx) == before + 1, "the PBX rings the desk phone")


def test_a_key_is_renewed_in_time_but_not_during_a_call(
    pbx: Simulator, office: Office, bob: BrowserContext
) -> None:
    page = bob.new_page()
    page.clock.install()
    page.goto(f"{office.url}/phone")
    in_state(page, "ready")
    first = set(pbx.account.webphone_keys)
    call = pbx.ring(ANA, ["101"])
    page.clock.run_for(1_000)
    in_state(page, "incoming")
    page.clock.fast_forward(70 * 3_600_000)
    in_state(page, "incoming")
    call.hang_up()
    page.clock.run_for(1_000)
    in_state(page, "ready")
    with page.expect_navigation():
        page.clock.run_for(61_000)
    in_state(page, "ready")
    assert len(set(pbx.account.webphone_keys) - first) == 1
