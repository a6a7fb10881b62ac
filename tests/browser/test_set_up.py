"""From nothing to the first call, and a new colleague: in as few actions as were promised."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import delete, update

from crm_app.accounts.models import User
from crm_app.demo import make_user
from crm_app.extensions import db
from crm_app.simulator.office import INTERACTIVE, Simulator
from crm_app.telephony import services as telephony
from crm_app.telephony.services import Probe
from tests.browser.conftest import PATIENCE_MS, eventually, watching
from tests.browser.hands import MOUSE, Hands, screen
from tests.browser.office import Office

KEY, SECRET = "a1b2c3d4e5f607182930", "0f1e2d3c4b5a69788796"
PAGE = "/telephony/setup"


@pytest.fixture(scope="module")
def pbx() -> Iterator[Simulator]:
    """A played PBX of which the office knows nothing yet."""
    with Simulator(KEY, SECRET, extensions=("100", "101"), ring_seconds=None) as simulator:
        simulator.account.callback = INTERACTIVE
        yield simulator


@pytest.fixture
def new_office(
    pbx: Simulator, bus_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    """An office with an administrator and nothing else."""
    office = Office(tmp_path_factory.mktemp("new-office"), bus_url)
    office.more = {
        "ZADARMA_API_URL": pbx.url,
        "PUBLIC_URL": office.url,
        "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
    }
    office.public_url = office.url

    def leave_one() -> None:
        db.session.execute(delete(User).where(User.name != "Alice"))
        db.session.execute(update(User).values(extension=None))

    office.do(leave_one)
    office.start()
    yield office
    office.stop()


def test_the_first_call_is_eight_actions_away_from_the_key(
    new_office: Office, pbx: Simulator, browser: Browser
) -> None:
    context = browser.new_context(**screen(MOUSE))
    context.set_default_timeout(PATIENCE_MS)
    context.add_cookies([new_office.cookie_of("Alice")])
    page = watching(context, new_office, PAGE)
    hands, lamps = Hands(page, MOUSE), page.locator("[data-lamps]")

    def lamp(name: str, state: str) -> None:
        expect(lamps.locator(f"[data-lamp={name}]")).to_have_attribute("data-state", state)

    with hands.at_most(8):
        hands.type(KEY, page.get_by_label("Key", exact=True))
        hands.type(SECRET, page.get_by_label("Secret", exact=True))
        hands.hit(page.get_by_role("button", name="Save and test"))
        for name in ("keys", "clock", "balance", "extensions", "stream"):
            lamp(name, "ok")
        lamp("address", "bad")
        hands.hit(page.locator("[data-lamp=address]").get_by_role("button", name="Register"))
        for name in ("echo", "address", "notifications", "stream"):
            lamp(name, "ok")
        hands.done.append("extension")
        page.get_by_label("Extension of Alice").select_option("100")
        hands.hit(page.get_by_label("Alice is the default responsible"))
        hands.hit(page.locator("#people").get_by_role("button", name="Save"))
        lamp("responsible", "ok")
        hands.hit(page.locator("#call-me").get_by_role("button", name="Call me"))
    ticks = page.locator("#call-me-steps")
    expect(ticks.locator("[data-tick][data-state=ok]")).to_have_count(0)
    eventually(page, lambda: len(pbx.live_calls), "the PBX rings")
    call = pbx.live_calls[0]
    assert call.client == "4444"
    for step, act in (
        ("start", call.start), ("answer", call.answer), ("end", call.hang_up),
        ("recording", call.record),
    ):  # fmt: skip
        act()
        expect(ticks.locator(f"[data-tick={step}]")).to_have_attribute("data-state", "ok")
    expect(ticks).to_contain_text("the telephony is set up")
    context.close()


def test_a_new_colleague_is_five_actions_away_from_the_list(
    new_office: Office, pbx: Simulator, browser: Browser
) -> None:
    def connect() -> None:
        telephony.save_keys(KEY, SECRET, new_office.app.extensions["vault"])
        telephony.keep(Probe(extensions=("100", "101", "102")))
        make_user("Bob", extension="101")

    new_office.do(connect)
    context = browser.new_context(**screen(MOUSE))
    context.set_default_timeout(PATIENCE_MS)
    context.add_cookies([new_office.cookie_of("Alice")])
    page = context.new_page()
    page.goto(f"{new_office.url}/people")
    hands = Hands(page, MOUSE)
    with hands.at_most(5):
        hands.hit(page.locator("main").get_by_role("link", name="Invite"))
        # Name and address are one: the focus is in the first field, and Tab leads to the second.
        expect(page.get_by_label("Name")).to_be_focused()
        page.keyboard.type("Rita Lopes")
        page.keyboard.press("Tab")
        hands.type("rita@office.example")
        hands.done.append("role")
        page.get_by_label("Role").select_option("manager")
        offered = page.locator("#free-extensions option")
        assert [one.get_attribute("value") for one in offered.all()] == ["100", "102"]
        hands.type("102", page.get_by_label("Extension"))
        hands.hit(page.get_by_role("button", name="Create the invitation"))
    expect(page.locator("#account-link")).to_have_value(re.compile("/invitation/"))
    context.close()
