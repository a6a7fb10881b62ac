"""The flows of every day by mouse, by keys and by taps, in as few actions as were promised."""

from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.models import Call
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact, make_task
from crm_app.extensions import db
from crm_app.leads.models import Lead
from tests.browser.conftest import SignIn, until, watching
from tests.browser.hands import EVERY_WAY, KEYS, TAPS, Hands, screen
from tests.browser.office import Office
from tests.browser.story import (
    ANA,
    CARD,
    ENDED,
    OPEN,
    STRANGER,
    add_contact,
    count_tasks,
    talk,
    written,
)

every_way = pytest.mark.parametrize("way", EVERY_WAY)


def at_work(office: Office, sign_in: SignIn, way: str, path: str = "/tasks") -> Hands:
    """Let Bob look at a page in one of the ways."""
    page = watching(sign_in("Bob", **screen(way)), office, path)
    # What stands in the first answer about the tray is no news, and takes no focus.
    page.wait_for_selector("#tray[data-loaded]", state="attached")
    return Hands(page, way)


@every_way
def test_a_known_client_is_seen_by_nothing_and_opened_by_one_action(
    office: Office, sign_in: SignIn, way: str
) -> None:
    add_contact(office)
    hands = at_work(office, sign_in, way)
    page, card = hands.page, hands.page.locator(OPEN)
    with hands.at_most(0):
        call = office.ring(ANA, "101")
        expect(card.get_by_role("heading", name="Ana Sousa")).to_be_in_viewport(ratio=1)
        expect(card.get_by_role("link", name="New kitchen")).to_be_in_viewport(ratio=1)
    with hands.at_most(1):
        if way == KEYS:
            hands.press("Enter")
            expect(page.locator("main h1")).to_contain_text("Ana Sousa")
        else:
            hands.hit(card.get_by_role("link", name="New kitchen"))
            expect(page.locator("main h1")).to_contain_text("New kitchen")
        expect(card).to_have_attribute("data-call-id", call)
        expect(card.get_by_role("heading", name="Ana Sousa")).to_be_in_viewport(ratio=1)


@every_way
def test_somebody_unknown_is_a_lead_after_three_actions(
    office: Office, sign_in: SignIn, way: str
) -> None:
    hands = at_work(office, sign_in, way)
    card = hands.page.locator(OPEN)
    call = office.ring(STRANGER, "101")
    expect(card).to_contain_text("Spain")
    with hands.at_most(3):
        if way == KEYS:
            hands.press("Enter")
        else:
            hands.hit(card.get_by_text("New lead", exact=True))
        # The field has the focus: nobody clicks into it.
        expect(card.get_by_label("Name", exact=True)).to_be_focused()
        hands.type("María López")
        if way == TAPS:
            hands.hit(card.get_by_role("button", name="Create"))
        else:
            hands.press("Enter")
        expect(card.get_by_role("heading")).to_have_text("María López")
    wanted = (
        select(Contact.name)
        .join(Lead, Lead.contact_id == Contact.id)
        .join(Call, Call.lead_id == Lead.id)
        .where(Call.pbx_call_id == call)
    )
    assert office.do(lambda: db.session.scalars(wanted).all()) == ["María López"]


@every_way
def test_a_wrong_match_is_put_right_by_three_actions_and_stays_so(
    office: Office, sign_in: SignIn, way: str
) -> None:
    add_contact(office)
    office.do(lambda: make_contact("Zulmira Reis"))
    pbx_call_id = talk(office)
    wanted = select(Call.id).where(Call.pbx_call_id == pbx_call_id)
    call_id = office.do(lambda: db.session.scalar(wanted))
    hands = at_work(office, sign_in, way, f"/calls/{call_id}")
    page, place = hands.page, hands.page.get_by_role("link", name="Not this person?")
    if way == KEYS:
        hands.point(place)
    with hands.at_most(3):
        if way == KEYS:
            hands.press("Enter")
        else:
            hands.hit(place)
        expect(page.locator("#q")).to_be_focused()
        hands.type("Zulmira")
        option = page.get_by_role("option", name="Zulmira Reis")
        expect(option).to_be_visible()
        if way == KEYS:
            hands.press("Enter")
        else:
            hands.hit(option)
        expect(page.get_by_role("region", name="Contact")).to_contain_text("Zulmira Reis")
    office.ring(ANA, "101")
    expect(page.locator(OPEN)).to_contain_text("Zulmira Reis")


@every_way
def test_a_call_is_written_up_by_two_actions(office: Office, sign_in: SignIn, way: str) -> None:
    hands = at_work(office, sign_in, way)
    call = talk(office)
    card = hands.page.locator(ENDED)
    expect(card).to_be_focused()
    with hands.at_most(2):
        if way == KEYS:
            hands.press("2")
            hands.press("Enter")
        else:
            hands.hit(card.locator("label:has([value=interested])"))
            hands.hit(card.get_by_role("button", name="Save"))
        expect(hands.page.locator(CARD)).to_have_count(0)
    assert written(office) == [(call, "interested", "", True)]


@every_way
def test_a_note_and_a_task_take_two_actions_more(office: Office, sign_in: SignIn, way: str) -> None:
    hands = at_work(office, sign_in, way)
    call = talk(office)
    card = hands.page.locator(ENDED)
    expect(card).to_be_focused()
    with hands.at_most(4):
        if way == KEYS:
            hands.press("2")
            hands.press("+")
            hands.type("Wants 2 prices + a plan")
            hands.press("Enter")
        else:
            hands.hit(card.locator("label:has([value=interested])"))
            hands.hit(card.get_by_text("In 1 hour", exact=True))
            hands.type("Wants 2 prices + a plan", card.get_by_label("Note"))
            hands.hit(card.get_by_role("button", name="Save"))
        expect(hands.page.locator(CARD)).to_have_count(0)
    assert written(office) == [(call, "interested", "Wants 2 prices + a plan", True)]
    assert count_tasks(office) == 1


@every_way
def test_a_task_is_ticked_by_one_action_and_opened_again_by_one(
    office: Office, sign_in: SignIn, way: str
) -> None:
    office.do(add_task)
    hands = at_work(office, sign_in, way, "/")
    page = hands.page
    tick = page.locator("main").get_by_role("checkbox", name="Send the offer")
    if way == KEYS:
        hands.point(tick)
    with hands.at_most(1):
        if way == KEYS:
            hands.press("Space")
        else:
            hands.hit(tick)
        expect(tick).to_be_checked()
    if way == KEYS:
        expect(tick).to_be_focused()
    with hands.at_most(1):
        if way == KEYS:
            hands.press("Space")
        else:
            hands.hit(page.locator("#toasts").get_by_role("button", name="Undo"))
        expect(tick).not_to_be_checked()


def add_task() -> None:
    """Give Bob something that was to be done yesterday."""
    bob = db.session.scalars(select(User).where(User.name == "Bob")).one()
    make_task("Send the offer", assignee=bob, due_on=clock.now().date() - timedelta(days=1))


@every_way
def test_a_reload_in_the_middle_changes_nothing(office: Office, sign_in: SignIn, way: str) -> None:
    add_contact(office)
    hands = at_work(office, sign_in, way)
    page, card = hands.page, hands.page.locator(OPEN)
    note = card.get_by_label("Note")
    call = office.ring(ANA, "101")
    stays(page, "ringing")
    office.answer(call, "101")
    expect(card).to_have_attribute("data-state", "answered")
    if way == KEYS:
        page.keyboard.press("F2")
    hands.type("Wants a price", note)
    kept(page)
    stays(page, "answered")
    expect(note).to_have_value("Wants a price")
    office.end(call, talk_seconds=65)
    expect(card).to_have_attribute("data-state", "ended")
    card.locator("label:has([value=interested])").click()
    kept(page)
    stays(page, "ended")
    expect(note).to_have_value("Wants a price")
    expect(card.locator("[name=outcome]:checked")).to_have_value("interested")
    expect(page.locator("main h1")).to_have_text("Tasks")


def kept(page: Page) -> None:
    """Wait until the server has what was typed."""
    until(page, "Object.keys(localStorage).every((key) => !key.includes('draft'))")


def stays(page: Page, state: str) -> None:
    """Reload; the open card is in the same state, without any action."""
    card = page.locator(OPEN)
    expect(card).to_have_attribute("data-state", state)
    page.reload()
    expect(card).to_have_attribute("data-state", state)
    expect(card.get_by_role("heading", name="Ana Sousa")).to_be_in_viewport()
