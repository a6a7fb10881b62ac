"""When a session has ended, one signs in over the page, and what was asked for is done."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from crm_app.accounts.models import User
from crm_app.contacts.models import Contact
from crm_app.demo import make_task
from crm_app.extensions import db
from tests.browser.axe import AXE, grave
from tests.browser.conftest import SignIn, until, watching
from tests.browser.office import Office
from tests.browser.story import Line, add_contact, count_tasks, talk, type_a_contact, written
from tests.browser.unsaved import (
    DIALOG,
    KEPT,
    KINDS,
    PASSWORD,
    Kind,
    end_sign_ins,
    is_stored,
    sign_in_over,
    wait_until_stored,
)  # fmt: skip

NOTE = KINDS["note on a contact"]
NEW = KINDS["new contact"]


def contacts(office: Office) -> int:
    """Count the contacts."""
    return office.do(lambda: db.session.scalar(select(func.count()).select_from(Contact))) or 0


@pytest.fixture(autouse=True)
def _same_people(office: Office) -> Iterator[None]:
    """Give everybody their own name back: people outlive a test."""
    yield

    def rename() -> None:
        for user in db.session.scalars(select(User)):
            user.name = user.email.partition("@")[0].title()
        for user in db.session.scalars(select(User).where(User.email == "whole@example.com")):
            user.email, user.name = f"{user.id}@example.com", "Was invited"

    office.do(rename)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_it_saves_what_was_typed_before_the_session_ended(
    office: Office, sign_in: SignIn, kind: Kind
) -> None:
    page = sign_in(kind.who).new_page()
    kind.open(page, office).fill("A whole thought")
    if kind.path == "/people/new":
        page.locator("main [name=email]").fill("whole@example.com")
    end_sign_ins(office, kind.who)

    kind.send(page)

    expect(page.locator(DIALOG)).to_be_visible()
    expect(page.locator(DIALOG).get_by_label("E-mail")).to_have_value("alice@example.com")
    expect(page.locator(DIALOG).get_by_label("Password", exact=True)).to_be_focused()
    assert not is_stored(office, "A whole thought")
    sign_in_over(page)
    wait_until_stored(page, office, "A whole thought")
    page.wait_for_load_state()
    expect(page.locator(DIALOG)).to_be_hidden()
    until(page, f"{KEPT}.length === 0")


def test_it_keeps_the_text_when_one_does_not_sign_in_at_once(
    office: Office, sign_in: SignIn
) -> None:
    page = sign_in("Alice").new_page()
    NOTE.open(page, office).fill("About Ana")
    end_sign_ins(office, "Alice")
    NOTE.send(page)
    page.locator(DIALOG).get_by_label("Close").click()
    expect(NOTE.of(page)).to_have_value("About Ana")

    NOTE.send(page)
    sign_in_over(page, password="something else that is wrong")
    expect(page.locator(f"{DIALOG} .invalid-feedback, {DIALOG} .alert").first).to_be_visible()
    sign_in_over(page)

    expect(page.locator("#notes").get_by_text("About Ana")).to_be_visible()
    assert is_stored(office, "About Ana")


def test_it_presses_the_button_that_was_pressed(office: Office, sign_in: SignIn) -> None:
    page = sign_in("Alice").new_page()
    add_contact(office)
    page.goto(f"{office.url}/contacts")
    page.get_by_role("link", name="Ana Sousa").first.click()
    page.wait_for_url(re.compile(r"/contacts/\d+$"))
    end_sign_ins(office, "Alice")
    page.get_by_role("button", name="Delete").click()
    sign_in_over(page)
    expect(page.get_by_text("Ana Sousa is in the bin.")).to_be_visible()


def test_it_ticks_the_task_off_that_was_clicked(office: Office, sign_in: SignIn) -> None:
    office.do(lambda: make_task("Send the offer"))
    page = sign_in("Alice").new_page()
    page.goto(f"{office.url}/tasks?assignee=all")
    end_sign_ins(office, "Alice")
    row = page.locator(".task-row").filter(has_text="Send the offer")
    row.locator("form button").first.click()
    sign_in_over(page)
    expect(page.locator(DIALOG)).to_be_hidden()
    expect(
        page.locator(".task-row.is-done, .task-row s, .task-row .task-done").first
    ).to_be_visible()


def test_it_signs_in_from_the_top_bar_without_leaving_the_page(
    office: Office, sign_in: SignIn
) -> None:
    context = sign_in("Bob")
    page = watching(context, office, "/contacts/new")
    name = type_a_contact(page)
    end_sign_ins(office, "Bob")
    page.evaluate("window.dispatchEvent(new Event('online'))")
    page.get_by_role("link", name="You are signed out – sign in").click()

    sign_in_over(page)

    page.wait_for_selector("#lamp[data-live-state=ok]", state="attached", timeout=30_000)
    expect(name).to_have_value("Rita Nova")
    call = talk(office, seen_on=page)
    card = page.locator("[role=alertdialog]")
    card.get_by_label("Note").fill("Typed after signing in")
    card.get_by_label("Note").press("Enter")
    expect(card).to_have_count(0)
    assert written(office) == [(call, "", "Typed after signing in", True)]
    NEW.send(page)
    page.wait_for_url(re.compile(r"/contacts/\d+$"))


def test_it_brings_the_write_up_back_that_was_typed(office: Office, sign_in: SignIn) -> None:
    context = sign_in("Bob")
    drafts = Line(context, "**/wrapup/draft")
    page = watching(context, office)
    call = talk(office, seen_on=page)
    # No draft is answered until then: that answer would tell of the end, and the card would go.
    drafts.act = lambda _route: None
    page.get_by_label("Note").fill("Wants the price")
    end_sign_ins(office, "Bob")
    page.get_by_label("Note").press_sequentially(" of two")
    page.get_by_label("Note").press("Enter")
    drafts.mend()
    sign_in_over(page)
    note = page.locator("[role=alertdialog]").get_by_label("Note")
    expect(note).to_have_value("Wants the price of two")
    note.press("Enter")
    expect(note).to_have_count(0)
    assert written(office) == [(call, "", "Wants the price of two", True)]


def test_it_empties_the_page_when_another_person_signs_in_there(
    office: Office, sign_in: SignIn
) -> None:
    page = sign_in("Alice").new_page()
    NEW.open(page, office).fill("Secret client")
    end_sign_ins(office, "Alice", "Erin")
    before = contacts(office)

    NEW.send(page)
    sign_in_over(page, "erin@example.com")

    expect(page.locator(".top-bar")).to_contain_text("Erin")
    expect(NEW.of(page)).to_have_value("")
    assert page.evaluate(KEPT) == []
    assert contacts(office) == before


def test_it_sends_nothing_of_one_person_under_the_sign_in_of_another(
    office: Office, sign_in: SignIn
) -> None:
    context = sign_in("Alice")
    page = context.new_page()
    NEW.open(page, office).fill("Secret client")
    before = contacts(office)
    context.add_cookies([office.cookie_of("Erin")])
    NEW.send(page)
    expect(page.locator(".top-bar")).to_contain_text("Erin")
    expect(NEW.of(page)).to_have_value("")
    assert contacts(office) == before


def test_it_saves_under_the_fresh_sign_in_of_another_tab(office: Office, sign_in: SignIn) -> None:
    context = sign_in("Alice")
    page = context.new_page()
    NEW.open(page, office).fill("Rita Nova")
    end_sign_ins(office, "Alice")
    context.clear_cookies()
    context.add_cookies([office.cookie_of("Alice")])
    NEW.send(page)
    page.wait_for_url(re.compile(r"/contacts/\d+$"))
    expect(page.locator(DIALOG)).to_be_hidden()


def test_it_leads_to_the_sign_in_page_when_a_password_is_not_enough(
    office: Office, sign_in: SignIn
) -> None:
    context = sign_in("Alice")
    page = context.new_page()
    NEW.open(page, office).fill("Rita Nova")
    end_sign_ins(office, "Alice")
    # What an account with a second factor is answered: on to another page, signed in only after it.
    context.route(
        "**/login",
        lambda route: route.fulfill(status=303, headers={"Location": "/login?step=2"})
        if route.request.method == "POST" else route.continue_(),
    )  # fmt: skip
    NEW.send(page)
    sign_in_over(page)
    expect(page.locator(DIALOG)).to_contain_text("Signing in needs one more step")
    context.unroute("**/login")

    page.locator(DIALOG).get_by_role("link", name="Go to the sign-in page").click()

    page.wait_for_url(re.compile(r"/login\?next="))
    page.get_by_label("E-mail").fill("alice@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/contacts/new")
    expect(NEW.of(page)).to_have_value("Rita Nova")


def test_it_stays_on_the_page_when_nobody_answers(office: Office, sign_in: SignIn) -> None:
    context = sign_in("Alice")
    line = Line(context, "**/account/here")
    page = context.new_page()
    NEW.open(page, office).fill("Rita Nova")
    line.act = lambda route: route.abort()
    NEW.send(page)
    expect(page.get_by_text("Not saved. Try again.")).to_be_visible()
    expect(NEW.of(page)).to_have_value("Rita Nova")
    line.mend()
    NEW.send(page)
    page.wait_for_url(re.compile(r"/contacts/\d+$"))


def test_it_makes_one_record_however_often_one_clicks(office: Office, sign_in: SignIn) -> None:
    page = sign_in("Alice").new_page()
    KINDS["quick task"].open(page, office).fill("Once")
    end_sign_ins(office, "Alice")
    page.get_by_role("button", name="Add", exact=True).dblclick()
    before = count_tasks(office)
    sign_in_over(page)
    expect(page.locator(DIALOG)).to_be_hidden()
    expect(page.get_by_text("Once").first).to_be_visible()
    assert count_tasks(office) == before + 1


@pytest.mark.parametrize("width", [1440, 390])
def test_it_fits_and_is_closed_by_the_keyboard(office: Office, sign_in: SignIn, width: int) -> None:
    page: Page = sign_in("Alice", viewport={"width": width, "height": 844}).new_page()
    NOTE.open(page, office).fill("About Ana")
    end_sign_ins(office, "Alice")
    NOTE.send(page)
    expect(page.locator(DIALOG)).to_be_visible()
    box = page.locator(DIALOG).bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    page.keyboard.press("Escape")
    expect(page.locator(DIALOG)).to_be_hidden()
    expect(NOTE.of(page)).to_have_value("About Ana")


def test_it_speaks_the_users_language_and_not_the_browsers(office: Office, sign_in: SignIn) -> None:
    def speak(language: str) -> None:
        db.session.scalars(select(User).where(User.name == "Erin")).one().language = language

    office.do(lambda: speak("pt"))
    page = sign_in("Erin", locale="en-GB").new_page()
    NOTE.open(page, office).fill("Quer o preço")
    end_sign_ins(office, "Erin")
    page.locator("#notes form [type=submit]").click()
    dialog = page.locator(DIALOG)
    expect(dialog).to_contain_text("A sua sessão terminou")
    dialog.get_by_label("Palavra-passe", exact=True).fill("errada, mas comprida")
    dialog.get_by_role("button", name="Iniciar sessão").click()
    expect(dialog.locator(".invalid-feedback, .alert").first).to_be_visible()
    dialog.get_by_label("Palavra-passe", exact=True).fill(PASSWORD)
    dialog.get_by_role("button", name="Iniciar sessão").click()
    expect(page.locator("#notes").get_by_text("Quer o preço")).to_be_visible()
    office.do(lambda: speak(""))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_has_no_barrier(office: Office, sign_in: SignIn, theme: str) -> None:
    context = sign_in("Alice", color_scheme=theme, reduced_motion="reduce")
    context.add_init_script(AXE)
    page = context.new_page()
    NOTE.open(page, office).fill("About Ana")
    end_sign_ins(office, "Alice")
    NOTE.send(page)
    expect(page.locator(DIALOG).get_by_label("Password", exact=True)).to_be_focused()
    assert grave(page, DIALOG) == []
