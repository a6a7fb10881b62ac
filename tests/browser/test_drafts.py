"""What is typed into any form is there again after F5, a link or a lost page, until it is saved."""

import re

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from crm_app.accounts.models import User
from crm_app.contacts.models import Contact, ContactPhone
from crm_app.extensions import db
from tests.browser.conftest import SignIn, until
from tests.browser.office import Office
from tests.browser.unsaved import KEPT, KINDS, LINE, Kind, ids

NOTE = KINDS["note on a contact"]
CONTACT = KINDS["contact"]
# With the day, if midnight has passed since.
SAID = re.compile(r"Unsaved text from (\d+ \w+, )?\d\d:\d\d restored")


def kept(page: Page) -> list[str]:
    """Name what the browser keeps of forms."""
    return page.evaluate(KEPT)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_it_restores_what_was_typed_after_a_reload_and_after_a_link(
    office: Office, sign_in: SignIn, kind: Kind
) -> None:
    page = sign_in(kind.who).new_page()
    kind.open(page, office).fill("Half a thou")
    address = page.url

    page.reload()

    expect(kind.of(page)).to_have_value("Half a thou")
    expect(page.locator(LINE)).to_have_text(SAID)
    kind.of(page).press("End")
    page.keyboard.type("ght")
    page.get_by_role("link", name="Calls").first.click()
    page.wait_for_url("**/calls")
    page.goto(address)
    expect(kind.of(page)).to_have_value("Half a thought")


def test_it_takes_back_what_it_restored(office: Office, sign_in: SignIn) -> None:
    page = sign_in("Alice").new_page()
    field = CONTACT.open(page, office)
    field.fill("Half a thought")
    page.reload()

    page.locator(LINE).get_by_role("button", name="Discard").click()

    expect(field).to_have_value("")
    expect(page.locator(LINE)).to_have_count(0)
    assert kept(page) == []
    page.reload()
    expect(field).to_have_value("")


def test_it_says_nothing_when_what_was_typed_is_taken_out_again(
    office: Office, sign_in: SignIn
) -> None:
    page = sign_in("Alice").new_page()
    field = CONTACT.open(page, office)
    field.fill("Half a thought")
    field.fill("")
    assert kept(page) == []


@pytest.mark.parametrize("name", ["contact", "note on a contact", "quick task", "new lead"])
def test_it_forgets_what_was_saved(office: Office, sign_in: SignIn, name: str) -> None:
    kind = KINDS[name]
    page = sign_in(kind.who).new_page()
    kind.open(page, office).fill("A whole thought")
    assert len(kept(page)) == 1

    kind.send(page)

    expect(page.get_by_text("A whole thought").first).to_be_visible()
    until(page, f"{KEPT}.length === 0")
    page.goto(f"{office.url}{kind.path.format(**ids(office))}")
    expect(page.locator(LINE)).to_have_count(0)


def test_it_keeps_what_was_refused(office: Office, sign_in: SignIn) -> None:
    page = sign_in("Alice").new_page()
    KINDS["new contact"].open(page, office)
    page.locator("main [name=about]").fill("Met at the fair")

    KINDS["new contact"].send(page)

    expect(page.locator("main .invalid-feedback").first).to_be_visible()
    expect(page.locator("main [name=about]")).to_have_value("Met at the fair")
    expect(page.locator(LINE)).to_have_count(0)
    page.goto(f"{office.url}/contacts/new")
    expect(page.locator("main [name=about]")).to_have_value("Met at the fair")
    expect(page.locator(LINE)).to_be_visible()


def test_it_still_notices_that_somebody_changed_the_record_meanwhile(
    office: Office, sign_in: SignIn
) -> None:
    page = sign_in("Alice").new_page()
    CONTACT.open(page, office).fill("Typed by Alice")
    other = sign_in("Erin").new_page()
    CONTACT.open(other, office)
    other.locator("main [name=job_title]").fill("Baker")
    CONTACT.send(other)
    other.wait_for_url(re.compile(r"/contacts/\d+$"))

    page.reload()
    expect(CONTACT.of(page)).to_have_value("Typed by Alice")
    CONTACT.send(page)

    expect(page.locator("[data-conflict]")).to_contain_text("Baker")
    expect(CONTACT.of(page)).to_have_value("Typed by Alice")
    page.get_by_role("button", name="Save my version").last.click()
    page.wait_for_url(re.compile(r"/contacts/\d+$"))
    found = office.do(lambda: db.session.execute(select(Contact.about, Contact.job_title)).one())
    assert tuple(found) == ("Typed by Alice", "Baker")


def test_it_restores_the_rows_that_were_added_and_taken_out(
    office: Office, sign_in: SignIn
) -> None:
    page = sign_in("Alice").new_page()
    KINDS["new contact"].open(page, office).fill("Rita Nova")
    phones = page.locator("[data-js-rows=phones]")
    phones.get_by_role("textbox").fill("912 345 678")
    phones.get_by_role("button", name="Add a number").click()
    page.keyboard.type("963 111 222")
    phones.get_by_role("combobox").last.select_option("work")
    phones.get_by_role("radio", name="main").last.check()
    page.locator("[data-js-rows=emails]").get_by_role("button", name="Remove").click()

    page.reload()

    expect(phones.get_by_role("textbox").first).to_have_value("912 345 678")
    expect(phones.get_by_role("textbox").last).to_have_value("963 111 222")
    expect(page.locator("[data-js-rows=emails]").get_by_role("textbox")).to_have_count(0)
    KINDS["new contact"].send(page)
    page.wait_for_url(re.compile(r"/contacts/\d+$"))
    rows = (
        select(ContactPhone.number, ContactPhone.kind)
        .join(Contact)
        .where(Contact.name == "Rita Nova")
    )
    numbers = office.do(lambda: {tuple(row) for row in db.session.execute(rows)})
    assert numbers == {("+351912345678", "mobile"), ("+351963111222", "work")}


def test_it_keeps_no_password_no_key_and_no_token(office: Office, sign_in: SignIn) -> None:
    page = sign_in("Alice").new_page()
    for path, field in (("/telephony/settings", "[name=secret]"), ("/account", "[name=current]")):
        page.goto(f"{office.url}{path}")
        page.locator(f"main {field}").fill("secret words")
    KINDS["account"].of(page).fill("Alice A.")
    stored = page.evaluate("JSON.stringify(localStorage)")
    assert "Alice A." in stored
    token = page.locator("main [name=csrf_token]").first.input_value()
    assert "secret words" not in stored
    assert token not in stored


def test_it_keeps_a_revealed_password_out_too(office: Office, sign_in: SignIn) -> None:
    page = sign_in("Alice").new_page()
    page.goto(f"{office.url}/account")
    page.locator("[name=current]").fill("secret words")
    page.get_by_role("button", name="Show the password").first.click()
    page.locator("[name=current]").press("End")
    page.keyboard.type("!")
    assert "secret words" not in page.evaluate("JSON.stringify(localStorage)")


def test_it_keeps_it_for_a_day_at_most(office: Office, sign_in: SignIn) -> None:
    page = sign_in("Alice").new_page()
    page.clock.install(time=1_800_000_000)
    NOTE.open(page, office).fill("Yesterday's thought")
    page.clock.set_system_time(1_800_000_000 + 23 * 3_600)
    page.reload()
    expect(NOTE.of(page)).to_have_value("Yesterday's thought")
    page.clock.set_system_time(1_800_000_000 + 25 * 3_600)
    page.reload()
    expect(NOTE.of(page)).to_have_value("")
    assert kept(page) == []


@pytest.mark.parametrize("reached", ["by the script", "by the answer"])
def test_it_leaves_nothing_behind_after_signing_out(
    office: Office, sign_in: SignIn, reached: str
) -> None:
    context = sign_in("Alice")
    if reached == "by the answer":
        # Without the script that empties the storage itself.
        context.route("**/js/sign-out.js", lambda route: route.fulfill(
            body="", content_type="text/javascript"
        ))  # fmt: skip
    page = context.new_page()
    NOTE.open(page, office).fill("About Ana")
    page.evaluate("sessionStorage.setItem('ramal-loaded-anew', '1')")
    assert kept(page)

    page.get_by_role("button", name="Your menu").click()
    page.get_by_role("button", name="Sign out").click()

    page.wait_for_url("**/login**")
    left = "[...Object.keys(localStorage), ...Object.keys(sessionStorage)]"
    assert [key for key in page.evaluate(left) if key.startswith("ramal-")] == []
    cookies = {cookie["name"] for cookie in context.cookies()}
    assert "session" in cookies, "the sign-in page needs its cookie"


def test_it_keeps_nothing_more_in_the_other_tabs_after_signing_out(
    office: Office, sign_in: SignIn
) -> None:
    context = sign_in("Alice")
    page, other = context.new_page(), context.new_page()
    NOTE.open(page, office).fill("About Ana")
    other.goto(f"{office.url}/leads")
    other.get_by_role("button", name="Your menu").click()
    other.get_by_role("button", name="Sign out").click()
    other.wait_for_url("**/login**")
    NOTE.of(page).press_sequentially(" Sousa")
    assert kept(page) == []
    expect(NOTE.of(page)).to_have_value("About Ana Sousa")


def test_it_gives_nobody_what_another_one_has_typed(office: Office, sign_in: SignIn) -> None:
    context = sign_in("Alice")
    page = context.new_page()
    NOTE.open(page, office).fill("About Ana")
    context.add_cookies([office.cookie_of("Erin")])
    other = context.new_page()
    assert NOTE.open(other, office).input_value() == ""
    assert kept(other) == []
    alice = office.do(lambda: db.session.scalars(select(User.id).where(User.name == "Alice")).one())
    assert f"ramal-draft-{alice}-" not in other.evaluate("Object.keys(localStorage).join()")


@pytest.mark.parametrize("language", ["en", "pt"])
def test_it_says_so_in_the_users_language(office: Office, sign_in: SignIn, language: str) -> None:
    def speak() -> None:
        db.session.scalars(select(User).where(User.name == "Erin")).one().language = language

    office.do(speak)
    page = sign_in("Erin", viewport={"width": 390, "height": 844}).new_page()
    NOTE.open(page, office).fill("Metade")
    page.reload()
    words = {"en": r"Unsaved text from .* restored", "pt": r"Texto por guardar das .* reposto"}
    expect(page.locator(LINE)).to_have_text(re.compile(words[language]))
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    office.do(lambda: db.session.execute(db.update(User).values(language="")))
