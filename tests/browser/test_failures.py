"""What fails is said, once, where the user looks; what is refused in the page is not said twice."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy import select

from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.tasks.models import Task
from tests.browser.conftest import SignIn, until, watching
from tests.browser.office import Office
from tests.browser.story import ANA, CARD, STRANGER, Line, talk, written

NOT_SAVED = "Not saved. Try again."
NOT_LOADED = "Not loaded. Try again."
NO_ANSWER = "The PBX did not answer. If your phone stays silent, try again."


def break_off(route: Route) -> None:
    """Let a request get no answer."""
    route.abort()


def fail(route: Route) -> None:
    """Let the server fail."""
    route.fulfill(status=500, content_type="text/html", body="<p>Something went wrong here</p>")


def toasts(page: Page) -> list[str]:
    """Read the toasts that are shown."""
    return [text.strip() for text in page.locator("#toasts .toast").all_inner_texts()]


@pytest.mark.parametrize("failure", [break_off, fail])
def test_it_says_that_a_write_up_was_not_saved(
    office: Office, sign_in: SignIn, failure: Callable[[Route], None]
) -> None:
    context = sign_in("Bob")
    line = Line(context, "**/wrapup")
    page = watching(context, office)
    call = talk(office, seen_on=page)
    page.get_by_label("Note").fill("Precious")
    line.act = failure
    for _ in range(2):
        with page.expect_request("**/wrapup"):
            page.get_by_label("Note").press("Enter")
        # The second time the toast of the first is still there.
        expect(page.locator("form.htmx-request")).to_have_count(0)
        expect(page.locator("#toasts .toast")).to_have_count(1)
        expect(page.locator("#toasts .toast")).to_have_text(NOT_SAVED)
    expect(page.get_by_label("Note")).to_have_value("Precious")
    line.mend()

    page.get_by_label("Note").press("Enter")

    expect(page.locator(CARD)).to_have_count(0)
    expect(page.locator("#toasts")).not_to_contain_text(NOT_SAVED)
    assert written(office) == [(call, "", "Precious", True)]


@pytest.mark.parametrize("failure", [break_off, fail])
def test_it_says_that_nobody_answered_a_wish_to_call(
    office: Office, sign_in: SignIn, failure: Callable[[Route], None]
) -> None:
    office.do(lambda: make_contact("Ana Sousa", phones=(ANA,)))
    context = sign_in("Bob")
    Line(context, "**/telephony/dial").act = failure
    page = watching(context, office)
    page.locator("[data-call-number]").first.click()
    expect(page.locator("#toasts .toast")).to_have_text(NO_ANSWER)
    page.locator("#toasts .btn-close").click()
    expect(page.locator("#toasts .toast")).to_have_count(0)
    page.get_by_label("Number to call").first.fill(STRANGER)
    page.keyboard.press("Enter")
    expect(page.locator("#toasts .toast")).to_have_text(NO_ANSWER)
    expect(page.get_by_label("Number to call").first).to_have_value(STRANGER)


def test_it_says_in_the_tray_why_a_call_is_refused_and_nowhere_else(
    office: Office, sign_in: SignIn
) -> None:
    office.do(lambda: make_contact("Ana Sousa", phones=(ANA,)))
    page = watching(sign_in("Bob"), office)
    page.locator("[data-call-number]").first.click()
    expect(page.locator(".dial-row")).to_have_count(1)
    # The button turns until the answer is dealt with.
    expect(page.locator("[data-dialling=asking]")).to_have_count(0)
    assert toasts(page) == []


def test_it_says_that_a_list_was_not_loaded(office: Office, sign_in: SignIn) -> None:
    context = sign_in("Bob")
    Line(context, "**/contacts?*").act = break_off
    page = watching(context, office)
    page.get_by_label("Kind").select_option(index=1)
    expect(page.locator("#toasts .toast")).to_have_text(NOT_LOADED)


def test_it_does_not_say_twice_what_stands_in_the_page(office: Office, sign_in: SignIn) -> None:
    context = sign_in("Bob")
    line = Line(context, "**/tasks")
    page = watching(context, office, "/tasks")
    line.act = fail
    form = page.locator(".task-quick")
    form.get_by_role("textbox").first.fill("Send the offer")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("Something went wrong here")
    expect(page.locator(".htmx-request")).to_have_count(0)
    assert toasts(page) == []
    assert office.do(lambda: db.session.scalars(select(Task)).all()) == []


def test_it_says_nothing_when_a_page_is_left(office: Office, sign_in: SignIn) -> None:
    context = sign_in("Bob")
    Line(context, "**/contacts?*").act = lambda route: None
    page = watching(context, office)
    page.add_init_script("sessionStorage.told ??= ''")
    page.evaluate("""() => new MutationObserver(() => { sessionStorage.told = 'yes'; })
      .observe(document.getElementById('toasts'), { childList: true })""")
    with page.expect_request("**/contacts?*"):
        page.get_by_label("Kind").select_option(index=1)
    page.goto(f"{office.url}/leads")
    assert page.evaluate("sessionStorage.told") == ""
    until(page, "document.readyState === 'complete'")
    assert toasts(page) == []
