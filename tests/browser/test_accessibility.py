"""Every page and every card, light and dark: usable by everybody, also on a telephone."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from crm_app.demo import make_contact, make_lead, make_task
from tests.browser.axe import AXE, grave
from tests.browser.conftest import PATIENCE_MS
from tests.screenshots import popups, scenes
from tests.screenshots.sample import SampleOffice
from tests.screenshots.visit import BOXES_CAME, show, walk

LONG = "Transportes-Internacionais-e-Logística-Abcdefghijklmnopqrstuvwxyz-do-Noroeste"
LONG_NUMBER = "351913000999"
# What the browser itself reports for a page that is not to be had and a form that is sent back.
REPORTED = {
    ("/contacts/999999", "404"), ("/contacts/new", "422"), ("/people", "403"),
    ("/reset/not-known-here", "410"), ("/board/wall/not-known-here", "410"),
}  # fmt: skip
# Addresses that can be asked for and are no page of their own.
NO_PAGE = {
    "static": "a file",
    "current_static": "a file",
    "security.static": "a file",
    "health.alive": "for machines",
    "health.ready": "for machines",
    "health.figures": "for machines",
    "live.stream": "an event stream",
    "reports.calls_csv": "a file",
    "zadarma.echo": "for the PBX",
    "search.suggestions": "the page of the search, with fewer hits",
    "calls.tray": "a part of all pages, examined with its cards",
    "calls.people": "a part of a card",
    "callbacks.badge": "a part of all pages",
    "board.now": "the board, without its page",
    "board.wall_now": "the board of the office TV, without its page",
    "board.wall_stream": "an event stream",
    "callbacks.more": "a part of the queue; the page of a call-back has it, too",
    "callbacks.reminder": "for scripts",
    "recordings.sound": "a file",
    "recordings.sound_of": "a file",
    "messages.notice": "for scripts, and over the page",
    "browser_phone.here": "for scripts",
    "telephony_statistics.missing_events": "a part of all pages",
    "dialling.pad": "a part of the top bar",
    "dialling.failed_dials": "a part of the menu of the bell",
    "routing.button": "a button, drawn again in its place",
    "telephony_setup.call": "a part of the page of the set-up",
    "telephony_setup.picture": "a picture",
    "telephony_health.banner": "a part of all pages",
    "accounts.here": "for scripts",
    "accounts.app_picture": "a picture",
    "accounts.second_step": "examined with the second factor",
}
FOCUS_OF_MAIN = """() => {
  const first = document.querySelector("a[href], button, input, select, textarea, [tabindex='0']");
  // The office TV has nothing to press.
  if (!first) return "";
  if (!first.matches(".skip-link")) return "the first stop is " + first.outerHTML.slice(0, 80);
  first.focus();
  return "";
}"""


@dataclass(slots=True)
class Findings:
    """What a walk through the office has brought up, by the name of the page."""

    seen: list[str] = field(default_factory=list)
    endpoints: set[str] = field(default_factory=set)
    pages: set[str] = field(default_factory=set)
    barriers: dict[str, list[str]] = field(default_factory=dict)
    sideways: dict[str, str] = field(default_factory=dict)
    unreachable: dict[str, str] = field(default_factory=dict)
    complaints: list[tuple[str, str]] = field(default_factory=list)


@pytest.fixture(scope="module")
def findings(browser: Browser) -> Findings:
    """One walk through one office; the tests look at what it found."""
    found = Findings()
    with SampleOffice() as office:
        context = browser.new_context(reduced_motion="reduce", locale="en-GB")
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(AXE)
        context.on("console", partial(complain, found))
        context.on("weberror", lambda error: found.complaints.append(("script", str(error.error))))
        rules = office.app.url_map.iter_rules()
        found.pages = {rule.endpoint for rule in rules if "GET" in (rule.methods or set())}
        for name, page in walk(office, context):
            found.endpoints.add(office.endpoint_at(page.url))
            look(found, name, page)
        for name, page in long_ones(office, context):
            show(page, 390, 844, "light")
            look_for_overflow(found, name, page)
        context.close()
    return found


def complain(found: Findings, message: ConsoleMessage) -> None:
    """Note what the browser complains about."""
    if message.type in {"error", "warning"}:
        path = urlsplit(message.page.url).path if message.page else ""
        found.complaints.append((path, message.text))


def look(found: Findings, name: str, page: Page) -> None:
    """Examine a page at all sizes; a card that pops up, too."""
    # What lies below a card was examined as a page of its own.
    part = ".tray" if name.startswith("popup") else "body"
    show(page, 1440, 900, "light")
    barriers = grave(page, part)
    show(page, 390, 844, "dark")
    # Another light and another width change colours and targets, not names and roles.
    barriers += grave(page, part, "color-contrast", "target-size", "scrollable-region-focusable")
    found.seen.append(name)
    if barriers:
        found.barriers[name] = barriers
    look_for_overflow(found, name, page)
    if not page.locator("dialog[open]").count():
        reason = why_main_is_not_reached(page)
        if reason:
            found.unreachable[name] = reason


def look_for_overflow(found: Findings, name: str, page: Page) -> None:
    """Note when a page, shown as wide as a telephone, is wider."""
    wide = page.evaluate("document.documentElement.scrollWidth")
    if wide > 390:
        found.sideways[name] = f"{wide} pixels"


def why_main_is_not_reached(page: Page) -> str:
    """Skip to the content as a keyboard does; gives what went wrong."""
    reason = str(page.evaluate(FOCUS_OF_MAIN))
    if not reason:
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        place = "document.activeElement.closest('main, .tray, #toasts')"
        if not page.evaluate(f"Boolean({place}) || document.activeElement === document.body"):
            reason = str(page.evaluate("document.activeElement.outerHTML.slice(0, 80)"))
    return reason


def long_ones(office: SampleOffice, context: BrowserContext) -> Iterator[tuple[str, Page]]:
    """Open the pages of a client with a name that cannot be broken."""

    def add() -> tuple[int, int]:
        contact = make_contact(
            LONG, phones=(f"+{LONG_NUMBER}",), emails=(f"{LONG[:50]}@example.com",)
        )
        lead = make_lead(LONG * 2, contact=contact, value_cents=98765432100, about=LONG * 3)
        make_task(LONG * 2, contact=contact, lead=lead)
        return contact.id, lead.id

    contact_id, lead_id = office.do(add)
    page = context.new_page()
    for path in (
        "/contacts", "/leads", "/tasks?who=all", "/search?q=transportes",
        f"/contacts/{contact_id}", f"/contacts/{contact_id}/edit", f"/leads/{lead_id}",
        f"/leads/{lead_id}/edit",
    ):  # fmt: skip
        page.goto(f"{office.url}{path}")
        page.wait_for_selector(BOXES_CAME, state="attached")
        yield f"long name: {path}", page
    scene = popups.Scene(office, page)
    call = scene.ring(LONG_NUMBER)
    yield "long name: card", page
    call.hang_up()


def test_it_sees_every_page(findings: Findings) -> None:
    cards = set(popups.SCENES)
    first_day = {still.name for still in scenes.FIRST_DAY}
    assert cards | first_day <= set(findings.seen)
    assert set(NO_PAGE) <= findings.pages
    assert findings.pages - set(NO_PAGE) <= findings.endpoints
    assert len(findings.seen) == len(set(findings.seen))


def test_it_has_no_serious_barrier_on_any_page(findings: Findings) -> None:
    assert not findings.barriers, json.dumps(findings.barriers, indent=2)


def test_it_never_scrolls_sideways_on_a_telephone(findings: Findings) -> None:
    assert not findings.sideways


def test_it_lets_the_keyboard_skip_to_the_content(findings: Findings) -> None:
    assert not findings.unreachable


def test_it_leaves_the_console_empty(findings: Findings) -> None:
    unexpected = [
        (path, text)
        for path, text in findings.complaints
        if not any(path == known and f"status of {code}" in text for known, code in REPORTED)
    ]
    assert not unexpected


def test_it_would_notice_a_barrier(browser: Browser) -> None:
    context = browser.new_context()
    context.add_init_script(AXE)
    page = context.new_page()
    page.goto("data:text/html,<html lang=en><title>x</title><main><h1>x</h1><button></button>")
    assert [found for found in grave(page, "body") if found.startswith("button-name")]
    context.close()
