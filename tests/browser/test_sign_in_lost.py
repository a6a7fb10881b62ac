"""A page that outlives its sign-in shows no client's name, says so, and never mixes two people."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser import sound
from tests.browser.conftest import SignIn, eventually, until, watching
from tests.browser.office import Office
from tests.browser.story import ANA, CARD, RUI, add_contact, talk, type_a_contact, written

OUT = "You are signed out – sign in"
OLD = "You have signed in again – reload this page"


def sign_out(context: BrowserContext, office: Office) -> None:
    """Sign out in a tab of its own."""
    page = context.new_page()
    page.goto(f"{office.url}/leads")
    page.get_by_role("button", name="Your menu").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login**")
    page.close()


def sign_in_again(context: BrowserContext, office: Office, name: str) -> None:
    """Sign in anew; another tab of the browser does it."""
    context.add_cookies([office.cookie_of(name)])
    page = context.new_page()
    page.goto(f"{office.url}/leads")
    page.close()


def gone(page: Page, office: Office) -> None:
    """Wait until a page shows that nobody is signed in."""
    page.wait_for_selector("#lamp[data-live-state=out]", state="attached")


def loaded_anew(page: Page) -> None:
    """Wait until a page that was marked as old is another one."""
    page.wait_for_selector("body:not([data-old])", state="attached", timeout=20_000)


@pytest.mark.parametrize("width", [1440, 390])
def test_it_shows_no_client_and_a_way_in_after_signing_out_elsewhere(
    office: Office, sign_in: SignIn, width: int
) -> None:
    add_contact(office)
    context = sign_in("Bob", viewport={"width": width, "height": 844})
    page = watching(context, office)
    title = page.title()
    office.ring(ANA, "101")
    expect(page.locator(CARD).get_by_role("link", name="Ana Sousa")).to_be_visible()
    expect(page).to_have_title("📞 Ana Sousa")

    sign_out(context, office)

    gone(page, office)
    expect(page.locator(CARD)).to_have_count(0)
    expect(page).to_have_title(title)
    way_in = page.get_by_role("link", name=OUT)
    expect(way_in).to_be_visible()
    expect(page.locator("#lamp [role=status]")).to_contain_text("You are signed out.")
    way_in.click()
    expect(page.locator("#sign-in-over").get_by_label("Password", exact=True)).to_be_focused()
    page.get_by_role("link", name="Go to the sign-in page").click()
    page.wait_for_url(re.compile(r"/login\?next=(/|%2F)contacts$"))


def test_it_asks_for_nothing_more_until_somebody_signs_in_again(
    office: Office, sign_in: SignIn
) -> None:
    context = sign_in("Bob")
    page = context.new_page()
    page.clock.install()
    page.goto(f"{office.url}/callbacks")
    page.wait_for_selector("#lamp[data-live-state=ok]", state="attached")
    # The stream asks once why it was refused.
    with page.expect_response("**/account/here"):
        sign_out(context, office)
    gone(page, office)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(60_000)
    page.evaluate("""for (const what of ["calls", "callbacks"])
      document.body.dispatchEvent(new CustomEvent(`${what}:changed`, { detail: {} }))""")
    page.clock.run_for(10_000)
    assert asked == []
    sign_in_again(context, office, "Bob")
    page.wait_for_selector("#lamp[data-live-state=ok]", state="attached")


def test_it_stops_ringing_when_nobody_is_signed_in(office: Office, sign_in: SignIn) -> None:
    context = sign_in("Bob")
    context.add_init_script(sound.HEAR)
    page = watching(context, office)
    page.mouse.click(5, 5)
    office.ring(ANA, "101")
    until(page, "sounding.size > 0")
    sign_out(context, office)
    gone(page, office)
    until(page, "sounding.size === 0")


def test_it_is_loaded_anew_when_somebody_signs_in_again(office: Office, sign_in: SignIn) -> None:
    context = sign_in("Bob")
    page = watching(context, office)
    page.evaluate("document.body.dataset.old = 'yes'")
    sign_out(context, office)
    gone(page, office)
    sign_in_again(context, office, "Bob")
    loaded_anew(page)
    page.wait_for_selector("#lamp[data-live-state=ok]", state="attached", timeout=20_000)
    call = talk(office, seen_on=page)
    page.get_by_label("Note").fill("Typed after signing in")
    page.get_by_label("Note").press("Enter")
    expect(page.locator(CARD)).to_have_count(0)
    assert written(office) == [(call, "", "Typed after signing in", True)]


def switched(context: BrowserContext, office: Office) -> None:
    """Another person signs in before this page has noticed that the first one left."""
    context.clear_cookies()
    sign_in_again(context, office, "Erin")


def went_and_came(context: BrowserContext, office: Office) -> None:
    """The same person signs out and in again within a moment."""
    context.clear_cookies()
    sign_in_again(context, office, "Bob")


@pytest.mark.parametrize(
    ("change", "name"), [(switched, "Erin"), (went_and_came, "Bob")],
    ids=["another person", "the same person"],
)  # fmt: skip
def test_it_never_shows_calls_under_an_older_sign_in(
    office: Office,
    sign_in: SignIn,
    change: Callable[[BrowserContext, Office], None],
    name: str,
) -> None:
    context = sign_in("Bob")
    page = watching(context, office)
    page.evaluate("document.body.dataset.old = 'yes'")
    change(context, office)
    # The next thing that the page asks tells it, also when the other one has no part in the call.
    office.ring(RUI, "101")
    loaded_anew(page)
    expect(page.locator(CARD)).to_have_count(1 if name == "Bob" else 0)
    expect(page.locator(".top-bar")).to_contain_text(name, use_inner_text=True)


def test_it_does_not_throw_away_a_form_that_is_typed_in(office: Office, sign_in: SignIn) -> None:
    context = sign_in("Bob")
    page = watching(context, office, "/contacts/new")
    name = type_a_contact(page)
    sign_out(context, office)
    gone(page, office)
    sign_in_again(context, office, "Bob")
    expect(page.get_by_role("link", name=OLD)).to_be_visible(timeout=20_000)
    expect(name).to_have_value("Rita Nova")
    # What is asked about the second call shows that the answer about the first was looked at.
    for number in (ANA, RUI):
        with page.expect_response("**/calls/tray*"):
            office.ring(number, "101")
    expect(page.locator(CARD)).to_have_count(0)
    page.get_by_role("link", name=OLD).click()
    expect(page.locator(CARD)).to_have_count(2)


def test_it_hears_calls_again_though_it_just_asked_who_is_signed_in(
    office: Office, sign_in: SignIn
) -> None:
    context = sign_in("Bob")
    page = watching(context, office, "/contacts/new")
    # A page with something typed is not loaded anew.
    type_a_contact(page)
    asked: list[Route] = []
    page.route("**/account/here", lambda route: asked.append(route))
    sign_out(context, office)
    eventually(page, lambda: asked, "the page asks who is signed in")
    nobody = asked[0].fetch()
    assert nobody.status == 401
    sign_in_again(context, office, "Bob")
    with page.expect_request("**/live"):
        asked[0].fulfill(response=nobody)


def test_it_is_loaded_anew_when_a_form_of_it_is_refused(office: Office, sign_in: SignIn) -> None:
    context = sign_in("Bob")
    page = watching(context, office)
    call = talk(office, seen_on=page)
    page.get_by_label("Note").wait_for()
    page.evaluate("document.body.dataset.old = 'yes'")
    went_and_came(context, office)
    page.get_by_label("Note").fill("Precious")
    loaded_anew(page)
    expect(page.get_by_label("Note")).to_have_value("Precious")
    page.get_by_label("Note").press("Enter")
    expect(page.locator(CARD)).to_have_count(0)
    assert written(office) == [(call, "", "Precious", True)]
