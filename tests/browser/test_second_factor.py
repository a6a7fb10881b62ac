"""Second factors as people see them, with a passkey of Chromium's own virtual device."""

import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask_security import hash_password
from passlib.totp import TOTP
from playwright.sync_api import Browser, CDPSession, Page, expect

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.accounts.second_factor.models import Passkey
from crm_app.extensions import db
from tests.browser.conftest import PATIENCE_MS, eventually
from tests.browser.office import Office

PASSWORD = "tres tigres tristes"
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def home(office: Office) -> Iterator[str]:
    """The office under the one host without TLS for which browsers make passkeys."""

    def give_password() -> None:
        hashed = hash_password(PASSWORD)
        changed = sa.update(User).where(User.name == "Bob").values(password=hashed)
        db.session.execute(changed.values(has_second_factor=False))

    office.do(give_password)
    yield f"http://localhost:{office.port}"
    office.do(give_password)


@pytest.fixture
def page(browser: Browser, home: str) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def plug_in(page: Page, **changed: object) -> tuple[CDPSession, str]:
    """Give the page a device that keeps passkeys."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE | changed})
    return session, str(made["authenticatorId"])


def give_password(page: Page, home: str) -> None:
    page.goto(f"{home}/login")
    page.get_by_label("E-mail").fill("bob@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def sign_out(page: Page, home: str) -> None:
    # What an open page asks without a sign-in would lead it to the sign-in page, too.
    page.goto("about:blank")
    page.context.clear_cookies()
    page.goto(f"{home}/login")


def add_passkey(page: Page, home: str, name: str) -> None:
    page.goto(f"{home}/account/second-factor")
    page.get_by_label("Name of the passkey").fill(name)
    page.get_by_role("button", name="Add a passkey").click()


def test_a_passkey_is_made_used_and_lost_and_a_recovery_code_lets_in(
    page: Page, home: str, office: Office
) -> None:
    device, device_id = plug_in(page)
    give_password(page, home)
    add_passkey(page, home, "Work laptop")
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    codes = page.locator("#recovery-codes").inner_text().split()
    assert len(codes) == 10
    page.get_by_role("link", name="I have saved them").click()
    expect(page.locator("[data-passkey]")).to_contain_text("Work laptop")

    sign_out(page, home)
    give_password(page, home)
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(f"{home}/")
    page.goto(f"{home}/account/second-factor")
    expect(page.locator("[data-passkey]")).to_contain_text("last used")

    sign_out(page, home)
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(f"{home}/")
    count = office.do(lambda: db.session.scalar(sa.select(Passkey.sign_count)))
    assert count is not None
    assert count >= 2

    device.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": device_id})
    sign_out(page, home)
    give_password(page, home)
    page.get_by_label("Recovery code").fill(codes[0])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{home}/")
    plug_in(page)
    add_passkey(page, home, "New telephone")
    expect(page.locator("[data-passkey]")).to_have_count(2)
    # The question before the removal is asked by a script that has to be there.
    page.wait_for_selector("#lamp[data-live-state=ok]", state="attached")
    page.locator("[data-passkey]", has_text="Work laptop").get_by_role("button").click()
    page.locator("#confirm").get_by_role("button", name="Yes").click()
    expect(page.locator("[data-passkey]")).to_have_count(1)
    expect(page.locator("[data-passkey]")).to_contain_text("New telephone")
    expect(page.locator("main")).to_contain_text("9 codes are left.")


def test_a_device_that_does_not_verify_its_user_is_a_second_factor_only(
    page: Page, home: str, office: Office
) -> None:
    plug_in(page, hasUserVerification=False, isUserVerified=False)
    give_password(page, home)
    add_passkey(page, home, "Old key")
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    sign_out(page, home)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.locator("main [data-refusal]")).to_contain_text("No passkey was used.")
    give_password(page, home)
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(f"{home}/")


def test_a_passkey_whose_counter_goes_back_is_a_copy(page: Page, home: str, office: Office) -> None:
    plug_in(page)
    give_password(page, home)
    add_passkey(page, home, "Laptop")
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    office.do(lambda: db.session.execute(sa.update(Passkey).values(sign_count=1000)))
    sign_out(page, home)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("alert").first).to_contain_text("The passkey was not accepted.")


def test_a_device_gets_no_second_passkey_of_the_same_person(page: Page, home: str) -> None:
    plug_in(page)
    give_password(page, home)
    add_passkey(page, home, "Laptop")
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    add_passkey(page, home, "Laptop again")
    expect(page.locator("main [data-refusal]")).to_contain_text("No passkey was created.")
    add_passkey(page, home, "")
    expect(page.locator("[data-passkey]")).to_have_count(1)


def test_an_app_is_set_up_by_its_picture_or_its_key(page: Page, home: str) -> None:
    give_password(page, home)
    page.wait_for_url(f"{home}/")
    page.goto(f"{home}/account/second-factor")
    page.get_by_role("button", name="Set up an app").click()
    picture = page.get_by_role("img", name="The key as a picture")
    expect(picture).to_be_visible()
    # It has a place before it has come.
    eventually(
        page, lambda: picture.evaluate("image => image.naturalWidth") > 100, "the picture is there"
    )
    key = TOTP(key=page.locator("#app-key").inner_text().replace(" ", ""), format="base32")
    page.get_by_label("Code of the app").fill(key.generate(time=clock.now()).token)
    page.get_by_role("button", name="Set up", exact=True).click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    codes = page.locator("#recovery-codes").inner_text()
    assert len(re.findall(r"\b(?:[a-z2-7]{4}-){3}[a-z2-7]{4}\b", codes)) == 10


def test_where_browsers_make_no_passkeys_the_page_says_why(page: Page, office: Office) -> None:
    give_password(page, office.url)
    page.wait_for_url(f"{office.url}/")
    page.goto(f"{office.url}/account/second-factor")
    expect(page.locator("[data-no-passkeys]")).to_contain_text("PUBLIC_URL")
    expect(page.get_by_role("button", name="Add a passkey")).to_have_count(0)
