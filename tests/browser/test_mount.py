"""An office below a path of its host works as any other, whatever the proxy does with the path."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from crm_app.accounts import links
from crm_app.accounts.models import LinkPurpose, User
from crm_app.demo import make_contact
from crm_app.extensions import db
from tests.browser.office import Office
from tests.browser.relay import Relay

PATH = "/crm"
PASSWORD = "tres tigres tristes"


@pytest.fixture(params=[PATH, ""], ids=["path taken off", "path left on"])
def below(
    request: pytest.FixtureRequest, tmp_path: Path, bus_url: str
) -> Iterator[tuple[Office, Relay]]:
    """An office behind a relay that takes the path off, or one that does not."""
    office = Office(tmp_path, bus_url)
    with Relay(office.port, request.param) as relay:
        office.public_url = f"http://127.0.0.1:{relay.port}{PATH}"
        office.start()
        yield office, relay
        office.stop()


def reset_link(office: Office) -> str:
    def make() -> str:
        user = db.session.scalars(select(User).where(User.name == "Bob")).one()
        return links.make(LinkPurpose.RESET, user)

    return office.do(make)


def is_below(page: Page) -> bool:
    return urlsplit(page.url).path.startswith(f"{PATH}/")


def test_an_office_below_a_path_lives_there(browser: Browser, below: tuple[Office, Relay]) -> None:
    office, relay = below
    office.do(lambda: make_contact("Ana", phones=("+351910000042",)).id)
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{office.public_url}/reset/{reset_link(office)}")
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_selector("#lamp[data-live-state=ok]", state="attached")
    assert is_below(page)
    # A caller, by the stream and by what scripts ask.
    office.ring("+351910000042", "101")
    expect(page.locator("#popups .call-card")).to_contain_text("Ana")
    # A link, a form of htmx, a hit of the search.
    page.get_by_role("link", name="Tasks", exact=True).click()
    page.get_by_label("Add a task…").fill("Write to Ana")
    page.get_by_label("Add a task…").press("Enter")
    expect(page.get_by_role("link", name="Write to Ana")).to_have_count(1)
    page.locator("[data-js-search] [role=combobox]").fill("ana")
    page.wait_for_selector("[data-js-search] [role=row]")
    page.locator("[data-js-search] [role=combobox]").press("Enter")
    expect(page.get_by_role("heading", name="Ana")).to_be_visible()
    assert is_below(page)
    # The page may still ask while its paths are looked at.
    assert all(path.startswith(PATH) for path in list(relay.asked) if path != "/favicon.ico")
    context.close()
