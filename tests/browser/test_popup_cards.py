"""The tray: its order, several callers with one number, who passes a call on."""

import re

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from crm_app.calls.fold.facts import FactKind
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact, make_lead
from crm_app.extensions import db
from tests.browser.conftest import SignIn, until, watching
from tests.browser.office import LINE, Office
from tests.browser.story import (
    ANA,
    CARD,
    ENDED,
    OPEN,
    ROW,
    RUI,
    STRANGER,
    add_contact,
    talk,
    written,
)  # fmt: skip


def calls(page: Page) -> list[str]:
    """The PBX's ids of the calls, in the order of the tray."""
    cards = page.locator(CARD).all()
    return [card.get_attribute("data-call-id") or "" for card in cards]


@pytest.mark.parametrize("size", [(1440, 900), (390, 844), (390, 664)])
def test_it_shows_the_call_one_is_in_and_above_it_who_rings(
    office: Office, sign_in: SignIn, size: tuple[int, int]
) -> None:
    add_contact(office)
    context = sign_in("Bob", viewport={"width": size[0], "height": size[1]})
    page = watching(context, office)
    talk(office, "+351910000200")
    talking = office.ring(ANA, "101")
    ringing = office.ring(STRANGER, "101")
    expect(page.locator(CARD)).to_have_count(3)
    office.answer(talking, "101")
    card = page.locator("[data-state=answered]")
    expect(card).to_be_visible()
    second = office.ring(RUI, "101")
    expect(page.locator(CARD)).to_have_count(3)

    assert calls(page) == [second, ringing, talking]
    tray, box = page.locator("#popups").bounding_box(), card.bounding_box()
    assert tray
    assert box
    assert box["y"] >= tray["y"] >= 0
    assert box["y"] + min(box["height"], 150) <= size[1]
    page.reload()
    expect(page.locator(CARD)).to_have_count(3)
    assert calls(page) == [second, ringing, talking]


def test_it_keeps_the_field_in_sight_that_is_typed_in(office: Office, sign_in: SignIn) -> None:
    page = watching(sign_in("Bob", viewport={"width": 390, "height": 664}), office)
    talk(office, seen_on=page)
    note = page.get_by_label("Note")
    note.click()
    page.keyboard.type("Wants ")
    office.ring(STRANGER, "101")
    expect(page.locator(f"{ROW}[data-state=ringing]")).to_be_in_viewport()
    expect(note).to_be_focused()
    page.keyboard.type("a price")
    expect(note).to_have_value("Wants a price")
    expect(note).to_be_in_viewport()


def test_the_next_talk_takes_the_keys_and_loses_nothing_that_was_typed(
    office: Office, sign_in: SignIn
) -> None:
    page = watching(sign_in("Bob"), office)
    first = talk(office, seen_on=page)
    page.get_by_label("Note").click()
    page.keyboard.type("Wants a price")
    second = office.ring(STRANGER, "101")
    office.answer(second, "101")
    expect(page.locator(OPEN)).to_have_attribute("data-call-id", second)
    expect(page.locator(OPEN)).to_be_focused()
    expect(page.locator(CARD)).to_have_count(1)
    until(page, "Object.keys(localStorage).every((key) => !key.includes('draft'))")
    assert written(office) == [(first, "", "Wants a price", False)]


def test_a_note_is_typed_while_one_talks_and_goes_on_when_the_call_ends(
    office: Office, sign_in: SignIn
) -> None:
    page = watching(sign_in("Bob"), office)
    call = office.ring(ANA, "101")
    office.answer(call, "101")
    note = page.get_by_label("Note")
    note.click()
    page.keyboard.type("Wants")
    page.keyboard.press("Enter")
    expect(page.locator(OPEN)).to_be_focused()
    note.click()
    office.end(call, talk_seconds=65)
    expect(page.locator(ENDED).get_by_text("2Interested")).to_be_visible()
    expect(note).to_be_focused()
    page.keyboard.type(" a price")
    page.keyboard.press("Enter")
    expect(page.locator(CARD)).to_have_count(0)
    assert written(office) == [(call, "", "Wants a price", True)]


def test_a_click_in_the_page_lets_the_write_up_wait(office: Office, sign_in: SignIn) -> None:
    page = watching(sign_in("Bob"), office)
    call = talk(office, seen_on=page)
    page.get_by_label("Note").fill("Wants a price")
    page.locator("main h1").click()
    expect(page.locator(CARD)).to_have_count(0)
    until(page, "Object.keys(localStorage).every((key) => !key.includes('draft'))")
    assert written(office) == [(call, "", "Wants a price", False)]


def test_going_to_another_page_lets_the_write_up_wait_and_a_reload_does_not(
    office: Office, sign_in: SignIn
) -> None:
    page = watching(sign_in("Bob"), office)
    talk(office)
    expect(page.locator(ENDED)).to_have_count(1)
    page.reload()
    expect(page.locator(ENDED)).to_have_count(1)
    page.goto(f"{office.url}/leads")
    page.wait_for_selector("#tray[data-loaded]")
    expect(page.locator(CARD)).to_have_count(0)


def shared(office: Office) -> None:
    """Let two contacts share a number, each with a lead."""

    def add() -> None:
        for name, title in (("Ana Sousa", "New kitchen"), ("Rui Sousa", "New bath")):
            make_lead(title, contact=make_contact(name, phones=(ANA,)))

    office.do(add)


def test_it_says_whose_lead_is_whose_among_several(office: Office, sign_in: SignIn) -> None:
    shared(office)
    page = watching(sign_in("Bob"), office)
    office.ring(ANA, "101")
    choice = page.locator(".call-card-choice", has_text="Rui Sousa")
    expect(choice.get_by_role("link", name="New bath")).to_be_visible()
    expect(choice.get_by_role("link", name="New kitchen")).to_have_count(0)
    expect(choice.get_by_role("link", name="Rui Sousa")).to_have_attribute(
        "href", re.compile(r"^/contacts/\d+$")
    )

    choice.get_by_role("button", name="This one: Rui Sousa").click()

    heading = page.locator(CARD).get_by_role("heading")
    expect(heading).to_have_text("Rui Sousa")
    expect(page.locator(CARD).get_by_role("link", name="New bath")).to_be_visible()
    expect(page.locator(CARD).get_by_role("link", name="New kitchen")).to_have_count(0)


def test_it_makes_a_lead_of_somebody_else_with_the_same_number(
    office: Office, sign_in: SignIn
) -> None:
    shared(office)
    page = watching(sign_in("Bob"), office)
    office.ring(ANA, "101")
    expect(page.get_by_text("None of these?")).to_be_visible()
    page.get_by_text("New lead", exact=True).click()
    page.keyboard.type("Eva Sousa")
    page.keyboard.press("Enter")
    expect(page.locator(CARD).get_by_role("heading")).to_have_text("Eva Sousa")
    names = office.do(lambda: db.session.scalars(select(Contact.name)).all())
    assert sorted(names) == ["Ana Sousa", "Eva Sousa", "Rui Sousa"]


def test_it_gives_the_number_to_one_more_of_us(office: Office, sign_in: SignIn) -> None:
    shared(office)
    office.do(lambda: make_contact("Eva Costa"))
    page = watching(sign_in("Bob"), office)
    office.ring(ANA, "101")
    page.get_by_text("Add to existing", exact=True).click()
    page.keyboard.type("Eva")
    page.get_by_role("button", name="Add number to Eva Costa").click()
    expect(page.locator(CARD).get_by_role("heading")).to_have_text("Eva Costa")


def test_it_tells_the_other_card_of_a_stranger_who_it_is(office: Office, sign_in: SignIn) -> None:
    page = watching(sign_in("Bob"), office)
    first = talk(office, STRANGER)
    office.ring(STRANGER, "101")
    expect(page.locator(CARD)).to_have_count(2)
    page.locator("[data-state=ringing]").get_by_text("New lead", exact=True).click()
    page.keyboard.type("Rita Nova")
    page.keyboard.press("Enter")
    row = page.locator(f"{ROW}[data-call-id='{first}']")
    expect(row).to_contain_text("Rita Nova")


def test_it_says_who_passes_a_call_on(office: Office, sign_in: SignIn) -> None:
    page = watching(sign_in("Erin"), office)
    call = office.ring(ANA, "101")
    office.answer(call, "101")
    told = {"caller": ANA, "did": LINE, "extension": "102", "transfer_from": "101"}
    office.fact(FactKind.RANG, call, **told)
    head = page.locator(f"{CARD} header")
    expect(head).to_contain_text("Incoming call")
    expect(page.locator(CARD)).to_contain_text("from Bob")
    expect(head).not_to_contain_text(re.compile(r"\d:\d\d"))


def test_a_card_shows_at_once_whom_a_colleague_names_on_the_page_of_the_call(
    office: Office, sign_in: SignIn
) -> None:
    office.do(lambda: make_contact("Vera Nunes", phones=(RUI,)))
    page = watching(sign_in("Bob"), office)
    call_id = office.answer(office.ring(STRANGER, "101"), "101")
    expect(page.locator(CARD)).to_have_attribute("data-state", "answered")
    theirs = sign_in("Alice").new_page()
    theirs.goto(f"{office.url}/calls/{call_id}/attach?q=Vera")
    theirs.get_by_role("option", name="Vera Nunes").click()
    expect(page.locator(CARD)).to_contain_text("Vera Nunes")
