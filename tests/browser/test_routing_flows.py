"""Routing by hand: an annoying caller, a colleague who is ill, and switches with their preview."""

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from crm_app.accounts.models import Role, User
from crm_app.accounts.presence import services as presence
from crm_app.demo import make_contact, make_user
from crm_app.extensions import db
from crm_app.telephony import services
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.routing import black_list, phones
from tests.browser.conftest import SignIn, watching
from tests.browser.hands import EVERY_WAY, KEYS, MOUSE, TAPS, Hands, screen
from tests.browser.office import Office
from tests.browser.story import ANA, CARD, OPEN, STRANGER

every_way = pytest.mark.parametrize("way", EVERY_WAY)


@pytest.fixture(autouse=True)
def _everybody_is_here(office: Office) -> None:
    """Users stay from test to test, and so would their absences."""
    here = sa.update(User).values(away_since=None, away_until=None, deputy_id=None)
    office.do(lambda: db.session.execute(here))


def blocked(office: Office) -> list[tuple[str, str]]:
    """Give the numbers of the black list and why they are on it."""
    return office.do(lambda: [(one.row.pattern, one.row.reason) for one in black_list.in_force()])


@every_way
def test_an_annoying_caller_is_blocked_by_three_actions(
    office: Office, sign_in: SignIn, way: str
) -> None:
    page = watching(sign_in("Bob", **screen(way)), office, "/tasks")
    page.wait_for_selector("#tray[data-loaded]", state="attached")
    hands, card = Hands(page, way), page.locator(OPEN)
    office.ring(STRANGER, "101")
    button = card.locator("[data-action=block]")
    expect(button).to_be_visible()
    with hands.at_most(3):
        if way == KEYS:
            button.focus()
            hands.press("Enter")
        else:
            hands.hit(button)
        expect(card.get_by_label("Reason")).to_be_focused()
        hands.type("Robot")
        if way == TAPS:
            hands.hit(card.get_by_role("button", name="Black list"))
        else:
            hands.press("Enter")
        expect(card).to_contain_text("is on the black list.")
    assert blocked(office) == [(STRANGER, "Robot")]
    # The card is still that of the call, and the way back is there.
    expect(page.locator(CARD)).to_have_count(1)
    hands.hit(card.get_by_role("button", name="Take it off"))
    expect(card.get_by_text("is on the black list.")).to_have_count(0)
    assert blocked(office) == []


def test_the_button_of_a_contact_blocks_one_of_its_numbers(office: Office, sign_in: SignIn) -> None:
    contact = office.do(lambda: make_contact("Ana Sousa", phones=(ANA,)).id)
    page = watching(sign_in("Bob"), office, f"/contacts/{contact}")
    page.locator("main [data-action=block]").click()
    page.get_by_role("button", name="Black list").click()
    expect(page.locator("main")).to_contain_text("is on the black list.")
    assert blocked(office) == [(ANA, "")]


def ill(office: Office) -> tuple[str, str] | None:
    """Say until when Bob is away and who stands in."""

    def read() -> tuple[str, str] | None:
        bob = db.session.scalars(db.select(User).filter_by(name="Bob")).one()
        now = presence.state_of(bob)
        return (
            None if now.kind != "away" else (str(now.until), now.deputy.name if now.deputy else "")
        )

    return office.do(read)


@every_way
def test_the_work_of_a_colleague_who_is_ill_goes_over_by_four_actions(
    office: Office, sign_in: SignIn, way: str
) -> None:
    def add_manager() -> None:
        if not db.session.scalars(db.select(User).filter_by(name="Dora")).first():
            make_user("Dora", role=Role.MANAGER, extension="105")

    office.do(add_manager)
    page = watching(sign_in("Dora", **screen(way)), office, "/people")
    hands = Hands(page, way)
    with hands.at_most(4):
        for place in (
            page.get_by_role("link", name="Bob", exact=True),
            page.locator("summary", has_text="Away until…"),
        ):
            if way == KEYS:
                place.focus()
                hands.press("Enter")
            else:
                hands.hit(place)
        # One choice of a list is one action, whatever is under the hand.
        deputy = page.get_by_label("Deputy")
        expect(deputy).to_be_visible()
        hands.done.append("choose")
        deputy.select_option(label="Erin")
        confirm = page.get_by_role("button", name="Confirm")
        if way == KEYS:
            confirm.focus()
            hands.press("Enter")
        else:
            hands.hit(confirm)
        expect(page.locator("main")).to_contain_text("Erin stands in.")
    assert ill(office) == ("None", "Erin")


def test_one_click_in_the_menu_says_that_one_is_away(office: Office, sign_in: SignIn) -> None:
    page = watching(sign_in("Bob"), office, "/tasks")
    menu = page.get_by_role("button", name="Your menu")
    menu.click()
    page.locator("[data-action=away]").click()
    expect(page.locator(".toast").last).to_contain_text("You are away.")
    assert ill(office) == ("None", "")
    page.wait_for_selector("#lamp[data-live-state=ok]", state="attached")
    menu.click()
    page.locator("[data-action=away]").click()
    expect(page.locator(".toast").last).to_contain_text("You are here again.")
    assert ill(office) is None


def test_a_switch_is_one_click_and_its_effect_can_be_seen_before_anybody_rings(
    office: Office, sign_in: SignIn
) -> None:
    def prepare() -> None:
        bob = db.session.scalars(db.select(User).filter_by(name="Bob")).one()
        add = make_contact("Rui Costa", phones=("+351930000007",))
        add.responsible_id = bob.id
        phones.keep({"101": True})

    office.do(prepare)
    page = watching(sign_in("Alice"), office, "/telephony/settings")
    hands = Hands(page, MOUSE)
    box = page.get_by_label("Send known clients to their responsible")
    expect(page.locator("main")).to_contain_text("whose phone is registered, is rung first")
    with hands.at_most(2):
        hands.hit(box)
        hands.hit(page.locator("#switches").get_by_role("button", name="Save"))
        expect(page.locator(".toast").last).to_contain_text("Saved.")
    assert office.do(lambda: TelephonySettings.current().switches.route_to_responsible) == "on"
    with hands.at_most(2):
        hands.type("930 000 007", page.get_by_label("If this number rang"))
        hands.press("Enter")
        said = page.locator("#preview-said")
        expect(said.locator("[data-rule=responsible]")).to_have_attribute("data-decides", "yes")
        expect(said.locator("[data-answer]")).to_contain_text('"redirect": "101"')
    office.do(lambda: services.set_switches({"route_to_responsible": "off"}))
