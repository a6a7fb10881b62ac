"""The stream in a real browser: shared, replayed, missed when it is gone, and heard."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from crm_app.live import bus
from tests.browser import sound
from tests.browser.chromium import ARGUMENTS, executable_path
from tests.browser.conftest import PATIENCE_MS, SignIn, eventually, stop_time, until, watching
from tests.browser.office import Office
from tests.browser.relay import Relay
from tests.browser.story import Line

ANA, RUI = "+351910000042", "+351910000043"
CARD = "[role=alertdialog]"
DOWN = "#lamp[data-live-state=down]"
# Who says that the ring is theirs and until when, as a tab hears it of the others; nobody is "".
HEAR_LEASES = """
  window.leases = [];
  addEventListener("storage", ({ key, newValue }) => {
    if (key === "ramal-ring") window.leases.push((newValue ?? " 0").split(" "));
  });
"""
# One tab has had it for two seconds, and each tab looks once a second.
IS_HELD = """(() => {
  const [holder, until] = leases.at(-1) ?? [""];
  const first = leases[leases.findLastIndex(([who]) => who !== holder) + 1];
  return holder && until - first[1] >= 2_000;
})()"""
Lan = Callable[[int], tuple[BrowserContext, str]]


@pytest.fixture
def own_office(tmp_path: Path, bus_url: str) -> Iterator[Office]:
    """An office whose server a test may kill."""
    office = Office(tmp_path, bus_url)
    office.start()
    bus.client().flushdb()
    yield office
    office.stop()


def signed_in(browser: Browser, office: Office) -> Page:
    context = browser.new_context()
    context.add_cookies([office.cookie_of("Bob")])
    return watching(context, office)


def settle(page: Page, office: Office) -> None:
    """Let a call come and go: what the page asks when it opens has then been asked and answered."""
    call = office.ring(RUI, "101")
    expect(page.locator(CARD)).to_have_count(1)
    office.end(call)
    expect(page.locator(CARD)).to_have_count(0)


def test_it_says_when_live_calls_do_not_arrive_and_catches_up(
    browser: Browser, own_office: Office
) -> None:
    page = signed_in(browser, own_office)
    follower = page.context.new_page()
    follower.goto(f"{own_office.url}/leads")
    follower.wait_for_selector("#lamp[data-live-state=ok]", state="attached")
    own_office.stop(signal.SIGKILL)

    for tab in (page, follower):
        tab.wait_for_selector(DOWN, state="attached")
        lamp = tab.locator("#lamp").get_by_text("Live calls are not arriving – reconnecting")
        expect(lamp.first).to_be_visible()

    own_office.ring(ANA, "101")
    own_office.start()

    for tab in (page, follower):
        tab.wait_for_selector("#lamp[data-live-state=ok]", state="attached")
        expect(tab.locator(CARD)).to_have_count(1)
    page.context.close()


def test_it_shows_a_call_whose_event_was_lost(office: Office, sign_in: SignIn) -> None:
    context = sign_in("Bob")
    page = watching(context, office)
    settle(page, office)
    # The stream ends without a word, and the event is published while nobody listens.
    context.route("**/live", lambda route: route.abort())
    with (
        page.expect_response("**/calls/tray*"),
        page.expect_event("requestfailed", lambda request: request.url.endswith("/live")),
    ):
        bus.client().publish("ramal:live:1", b"bye")
    office.ring(ANA, "101")
    expect(page.locator(CARD)).to_have_count(0)
    context.unroute("**/live")
    expect(page.locator(CARD)).to_have_count(1)


def test_it_asks_every_few_seconds_while_the_stream_is_away(
    office: Office, sign_in: SignIn
) -> None:
    context = sign_in("Bob")
    context.route("**/live", lambda route: route.fulfill(status=503))
    page = context.new_page()
    page.goto(f"{office.url}/contacts")
    page.wait_for_selector(DOWN, state="attached")
    office.ring(ANA, "101")
    expect(page.locator(CARD)).to_have_count(1, timeout=12_000)


@pytest.mark.parametrize("failure", ["no answer", "an error"])
def test_it_asks_again_for_a_card_that_does_not_come(
    office: Office, sign_in: SignIn, failure: str
) -> None:
    context = sign_in("Bob")
    line = Line(context, "**/tray")
    page = watching(context, office)

    def refuse(route: Route) -> None:
        if len(line.asked) == 2:
            line.mend()
        if failure == "no answer":
            route.abort()
        else:
            route.fulfill(status=503)

    # What the page asks when the stream is up would bring the card, too.
    settle(page, office)
    line.asked.clear()
    line.act = refuse
    office.ring(ANA, "101")
    expect(page.locator(CARD)).to_have_count(1, timeout=10_000)
    assert len(line.asked) >= 3


def test_it_asks_on_and_on_when_no_answer_comes(office: Office, sign_in: SignIn) -> None:
    context = sign_in("Bob")
    tray = Line(context, "**/tray")
    page = watching(context, office)
    page.wait_for_selector("#tray[data-loaded]")
    page.wait_for_load_state("networkidle")
    tray.act = Route.abort
    office.ring(ANA, "101")
    for _ in range(5):
        with page.expect_request("**/tray"):
            pass
    expect(page.locator(CARD)).to_have_count(0)
    tray.mend()
    expect(page.locator(CARD)).to_have_count(1)
    expect(page.locator("#lamp")).to_have_attribute("data-live-state", "ok")


@pytest.mark.parametrize(
    "coming_back",
    ["window.dispatchEvent(new Event('online'))",
     "document.dispatchEvent(new Event('visibilitychange'))"],
)  # fmt: skip
def test_it_looks_when_the_line_or_the_user_comes_back(
    office: Office, sign_in: SignIn, coming_back: str
) -> None:
    page = watching(sign_in("Bob"), office)
    settle(page, office)
    with page.expect_request("**/tray", timeout=4_000):
        page.evaluate(coming_back)


@pytest.fixture
def lan(browser: Browser, office: Office) -> Iterator[Lan]:
    """Sign Bob in at a plain http address of the network, where there are no locks."""
    launched = browser.browser_type.launch(
        executable_path=executable_path(),
        args=[*ARGUMENTS, "--host-resolver-rules=MAP office.lan 127.0.0.1"],
    )

    def enter(port: int) -> tuple[BrowserContext, str]:
        url = f"http://office.lan:{port}"
        context = launched.new_context()
        context.set_default_timeout(PATIENCE_MS)
        context.add_cookies([{**office.cookie_of("Bob"), "url": url}])
        return context, url

    yield enter
    launched.close()


def opened(context: BrowserContext, url: str) -> Page:
    """Open a page and wait until live calls arrive on it."""
    tab = context.new_page()
    tab.goto(f"{url}/contacts")
    tab.wait_for_selector("#lamp[data-live-state=ok]", state="attached")
    return tab


def test_it_shares_one_stream_without_a_secure_context(office: Office, lan: Lan) -> None:
    with Relay(office.port) as relay:
        context, url = lan(relay.port)
        tabs = [opened(context, url) for _ in range(8)]
        assert tabs[0].evaluate("[isSecureContext, 'locks' in navigator]") == [False, False]
        office.ring(ANA, "101")
        for tab in tabs:
            expect(tab.locator(CARD)).to_have_count(1)
        assert relay.asked["/calls/tray"] >= 8
        assert relay.asked["/live"] == 1


def test_it_rings_on_when_the_tab_that_rings_is_left_without_a_secure_context(
    office: Office, lan: Lan
) -> None:
    context, url = lan(office.port)
    context.add_init_script(sound.HEAR + HEAR_LEASES)
    tabs = [opened(context, url) for _ in range(3)]
    for tab in tabs:
        tab.mouse.click(5, 5)
    office.ring(ANA, "101")
    for tab in tabs:
        expect(tab.locator(CARD)).to_have_count(1)
    eventually(tabs[0], lambda: any(tab.evaluate(IS_HELD) for tab in tabs), IS_HELD)
    eventually(tabs[0], lambda: any(tab.evaluate("tones") for tab in tabs), "one of them rings")
    ringing = [tab for tab in tabs if tab.evaluate("tones")]
    assert len(ringing) == 1
    others = [tab for tab in tabs if tab not in ringing]
    for tab in others:
        tab.evaluate("leases = []")
    ringing[0].goto("about:blank")
    eventually(others[0], lambda: any(tab.evaluate(IS_HELD) for tab in others), IS_HELD)
    eventually(others[0], lambda: any(tab.evaluate("tones") for tab in others), "another rings")
    assert len([tab for tab in others if tab.evaluate("tones")]) == 1


WATCH_NOTICES = """
  window.notices = [];
  window.asked = 0;
  window.Notification = class extends EventTarget {
    static permission = "default";
    static async requestPermission() {
      window.asked += 1;
      window.Notification.permission = "granted";
    }
    constructor(title, options) {
      super();
      window.notices.push([title, options.tag]);
    }
    close() { window.notices.push("closed"); }
  };
  Object.defineProperty(document, "hidden", { get: () => window.isAway ?? false });
  window.seen = [];
  new BroadcastChannel("ramal-seen").addEventListener("message", ({ data }) => seen.push(data));
"""
LEAVE = "isAway = true; document.dispatchEvent(new Event('visibilitychange'))"
COME_BACK = "isAway = false; document.dispatchEvent(new Event('visibilitychange'))"


def test_it_asks_for_notices_by_a_button_and_shows_one_when_the_tab_is_hidden(
    office: Office, sign_in: SignIn, whole_browser: Browser
) -> None:
    context = sign_in("Bob", whole_browser)
    context.add_init_script(WATCH_NOTICES)
    page = watching(context, office)
    assert page.evaluate("asked") == 0
    page.locator("#lamp [data-bs-toggle]").click()
    page.get_by_role("button", name="Notify me when this tab is in the background").click()
    until(page, "asked === 1")
    expect(page.get_by_role("button", name="Notify me")).to_be_hidden()

    settle(page, office)
    assert page.evaluate("notices") == []
    page.evaluate("isAway = true")
    call = office.ring(ANA, "101")
    until(page, "notices.length === 1")
    assert page.evaluate("notices[0]") == ["910 000 042", call]
    office.end(call)
    until(page, "notices.at(-1) === 'closed'")


def test_it_shows_a_notice_when_the_last_tab_is_hidden_while_it_rings(
    office: Office, sign_in: SignIn
) -> None:
    context = sign_in("Bob")
    context.add_init_script(WATCH_NOTICES + "Notification.permission = 'granted';")
    context.clock.install()
    tray = Line(context, "**/calls/tray*")
    held: list[Route] = []
    page, other = watching(context, office), watching(context, office, "/leads")
    # Time stands still but where it is moved: both hear of each other before a moment has passed.
    stop_time(page)
    other.evaluate(LEAVE)
    # The tab in front is the first to show the call, and says so.
    tray.act = lambda route: (
        held.append(route) if route.request.frame.page == other else route.continue_()
    )
    call = office.ring(ANA, "101")
    until(other, f"seen.includes('{call}')")
    tray.mend()
    for route in held:
        route.continue_()
    for tab in (page, other):
        expect(tab.locator(CARD)).to_have_count(1)
    # The hidden one would have told after a moment.
    context.clock.run_for(500)
    assert other.evaluate("notices") == page.evaluate("notices") == []

    # To the other tab, which then speaks for both, and away from that one, too.
    page.evaluate(LEAVE)
    other.evaluate(COME_BACK)
    until(page, f"seen.includes('{call}')")
    context.clock.run_for(500)
    assert page.evaluate("notices") == []
    other.evaluate(LEAVE)
    context.clock.run_for(500)
    until(other, "notices.length === 1")
    assert other.evaluate("notices[0]") == ["910 000 042", call]
    other.evaluate(COME_BACK)
    until(other, "notices.at(-1) === 'closed'")
