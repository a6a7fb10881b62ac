"""A browser, an office it looks at, and people who are signed in."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Error,
    Page,
    Playwright,
    expect,
    sync_playwright,
)  # fmt: skip

from crm_app.live import bus
from crm_app.live.services import tell
from tests.browser.chromium import launch
from tests.browser.office import Office

SignIn = Callable[..., BrowserContext]
# How long a test waits for what should happen; a busy machine makes it late, not wrong.
PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)
# Listens for a mark behind the page itself; gives whose stream it reads.
HEAR = """() => {
  const { user } = document.getElementById("tray").dataset;
  globalThis.hasHeard = false;
  globalThis.ear = new BroadcastChannel(`ramal-live-${user}`);
  ear.onmessage = ({ data }) => { hasHeard ||= Boolean(data.data?.mark); };
  return user;
}"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """What drives the browsers."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """One Chromium for the whole run; each test has contexts of its own."""
    browser = launch(playwright)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def whole_browser(playwright: Playwright) -> Iterator[Browser]:
    """A Chromium that has a microphone and shows system notifications."""
    browser = launch(playwright, is_whole=True)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def running_office(tmp_path_factory: pytest.TempPathFactory, bus_url: str) -> Iterator[Office]:
    """One served office for the whole run."""
    office = Office(tmp_path_factory.mktemp("office"), bus_url)
    office.start()
    yield office
    office.stop()


@pytest.fixture
def office(running_office: Office, bus_url: str) -> Office:
    """The served office without any calls or contacts."""
    bus.configure(bus_url)
    bus.client().flushdb()
    running_office.forget_everything()
    return running_office


@pytest.fixture
def sign_in(browser: Browser, office: Office) -> Iterator[SignIn]:
    """Open a browser profile in which somebody is signed in."""
    contexts = []

    def sign_in(name: str, within: Browser = browser, **options: object) -> BrowserContext:
        context = within.new_context(**options)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE_MS)
        context.add_cookies([office.cookie_of(name)])
        contexts.append(context)
        return context

    yield sign_in
    for context in contexts:
        context.close()


def watching(context: BrowserContext, office: Office, path: str = "/contacts") -> Page:
    """Open a page and wait until live calls arrive on it."""
    page = context.new_page()
    page.goto(f"{office.url}{path}")
    page.wait_for_selector("#lamp[data-live-state=ok]", state="attached")
    return page


def until(page: Page, expression: str) -> None:
    """Wait until an expression is true in the page (the page's own policy forbids eval in it)."""
    eventually(page, lambda: _evaluated(page, expression), expression)


def _evaluated(page: Page, expression: str) -> object:
    try:
        return page.evaluate(expression)
    except Error as error:
        # Another page was on its way, and came just now: that one is asked next.
        if "Execution context was destroyed" not in error.message:
            raise
        return False


def eventually(page: Page, is_so: Callable[[], object], what: str) -> None:
    """Wait until something is so; the page goes on meanwhile."""
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline, f"not so: {what}"
        page.wait_for_timeout(50)


def stop_time(page: Page) -> None:
    """Let the installed clock go on by the test alone, however long what travels takes.

    It stands still ten seconds from now, in all pages of the browser.
    """
    page.context.clock.pause_at(page.evaluate("Date.now()") / 1_000 + 10)


def until_heard(page: Page, office: Office) -> None:
    """Wait until a page has heard all that the stream has said so far."""
    user_id = int(page.evaluate(HEAR))
    office.do(lambda: tell([user_id], {"mark": 1}))
    until(page, "hasHeard")
