"""A walk through the whole office: each page and each card once, ready to be looked at."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page

from crm_app.accounts.models import Role
from crm_app.extensions import db
from crm_app.leads import services as leads
from tests.screenshots import popups, scenes
from tests.screenshots.sample import SampleOffice

PASSWORD = "a long walk on the beach"
# Until a box of the page was fetched, it holds one link to what it will show.
BOXES_CAME = "html:not(:has(section[hx-trigger^=load] > .card-body > a:only-child))"


def walk(office: SampleOffice, context: BrowserContext) -> Iterator[tuple[str, Page]]:
    """Open everything there is to see, one after the other; gives its name and the open page."""
    page = context.new_page()
    page.goto(office.setup_address())
    yield "set-up", page
    page.get_by_label("Name").fill("Ana Martins")
    page.get_by_label("E-mail").fill("ana@escritorio.example")
    page.get_by_label("Password").first.fill(PASSWORD)
    # Whoever asks how good it is later may ask no more.
    page.wait_for_selector(".password-strength")
    page.get_by_role("button", name="Create the account").click()
    page.wait_for_selector("#side-menu", state="attached")
    for still in scenes.FIRST_DAY:
        open_still(office, page, still)
        yield still.name, page
    # An open page would ask what is new on behalf of somebody who is not there any more.
    page.goto("about:blank")
    office.do(clear)
    office.lay()
    context.clear_cookies()
    for still in scenes.for_visitors(office):
        open_still(office, page, still)
        yield still.name, page
    page.goto(f"{office.url}/login")
    yield "sign-in", page
    sign_in(office, page, Role.ADMIN)
    let_keys_be_tested(office, page)
    for still in scenes.stills(office):
        open_still(office, page, still)
        yield still.name, page
    for name in popups.SCENES:
        page.goto(f"{office.url}/contacts")
        with popups.played(name, office, page):
            yield name, page
    administrator = context.cookies()
    page.goto("about:blank")
    context.clear_cookies()
    sign_in(office, page, Role.AGENT)
    for still in scenes.for_agents():
        open_still(office, page, still)
        yield still.name, page
    page.close()
    context.clear_cookies()
    context.add_cookies(administrator)


def clear() -> None:
    """Empty the office, but for its pipeline."""
    for table in reversed(db.metadata.sorted_tables):
        db.session.execute(table.delete())
    leads.ensure_stages()


def sign_in(office: SampleOffice, page: Page, role: Role) -> None:
    """Sign in as the first of a role in the sample office."""
    email = office.first(role)
    page.goto(f"{office.url}/login")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").first.fill(office.passwords[email])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector("#side-menu", state="attached")


def let_keys_be_tested(office: SampleOffice, page: Page) -> None:
    """Let Ramal ask the PBX, so that its answers stand on the page of settings."""
    page.goto(f"{office.url}/telephony/settings")
    page.get_by_role("button", name="Test the connection").click()
    page.wait_for_selector(".toast")


def open_still(office: SampleOffice, page: Page, still: scenes.Still) -> None:
    """Open a page, wait for its boxes, and do what it needs."""
    page.goto(f"{office.url}{still.path}")
    # A walk that is sent elsewhere, to the sign-in for example, shows nothing of the page.
    assert urlsplit(page.url).path == urlsplit(still.path).path, still.name
    page.wait_for_selector(BOXES_CAME, state="attached")
    if still.act:
        still.act(page)


def show(page: Page, width: int, height: int, theme: str) -> None:
    """Give the page a size, and light or dark."""
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.wait_for_selector(f"html[data-bs-theme={theme}]", state="attached")
