"""Where the tray stands: it covers no head of a page and no field, and shows who rings."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from crm_app.demo import make_contact
from tests.browser.conftest import SignIn, until, watching
from tests.browser.office import Office
from tests.browser.story import ANA, CARD, ENDED, OPEN, ROW, add_contact, talk, written

SIZES = [(1366, 650), (1280, 860), (1440, 900), (390, 844)]
# Of the page: its head with the buttons, and the bar above it.
HEADS = ".top-bar button, .top-bar a, .top-bar input, main .page-header :is(h1, a, button)"
UNDER_TRAY = """selector => [...document.querySelectorAll(selector)].filter((element) => {
  const box = element.getBoundingClientRect();
  const over = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return box.width && over?.closest("#tray") && !element.closest("#tray");
}).map((element) => element.outerHTML.slice(0, 100))"""
SEEN_RINGING = """[...document.querySelectorAll("#tray [data-state=ringing] [id$=-who]")]
  .filter((name) => {
    const box = name.getBoundingClientRect();
    const over = document.elementFromPoint(box.x + 4, box.y + box.height / 2);
    return box.width && box.top >= 0 && box.bottom <= innerHeight && name.contains(over);
  }).length"""

STICKS_OUT = """[...document.querySelectorAll(".call-card *")].filter((part) => {
  const box = part.getBoundingClientRect();
  const card = part.closest(".call-card").getBoundingClientRect();
  const isCut = part.matches(".btn") && part.scrollWidth > part.clientWidth;
  return box.width && !part.matches(".visually-hidden") && (box.right > card.right + 0.5 || isCut);
}).map((part) => part.outerHTML.slice(0, 80))"""


def covered(page: Page, selector: str) -> list[str]:
    """List the elements that lie under the tray."""
    return list(page.evaluate(UNDER_TRAY, selector))


def mixtures(office: Office) -> Iterator[tuple[int, int, int]]:
    """Bring about one to six calls in many states; gives how many are there, ring, and talk."""
    talk(office)
    yield 1, 0, 0
    rung = [office.ring("+351910000101", "101")]
    yield 2, 1, 0
    rung.append(office.ring("+351910000102", "101"))
    yield 3, 2, 0
    talking = rung.pop(0)
    office.answer(talking, "101")
    yield 2, 1, 1
    for number in (103, 104):
        rung.append(office.ring(f"+351910000{number}", "101"))
    yield 4, 3, 1
    for number in (105, 106):
        rung.append(office.ring(f"+351910000{number}", "101"))
    yield 6, 5, 1
    office.end(talking, talk_seconds=65)
    yield 6, 5, 0
    while len(rung) > 1:
        office.end(rung.pop())
    yield 2, 1, 0
    office.answer(rung[0], "101")
    yield 1, 0, 1


@pytest.mark.parametrize("size", SIZES)
def test_it_covers_no_head_and_no_field_and_names_who_rings_in_any_mixture(
    office: Office, sign_in: SignIn, size: tuple[int, int]
) -> None:
    add_contact(office)
    context = sign_in(
        "Bob", viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce"
    )
    page = watching(context, office, "/contacts")
    form = watching(context, office, "/contacts/new")
    fields = form.locator("main :is(input:not([type=hidden]), textarea, select):visible")
    for count, ringing, talking in mixtures(office):
        for tab in (page, form):
            expect(tab.locator(CARD)).to_have_count(count)
            expect(tab.locator(OPEN)).to_have_count(1)
            expect(tab.locator(f"{CARD}[data-state=answered]")).to_have_count(talking)
            until(tab, f"{SEEN_RINGING} === {min(ringing, 3)}")
            if ringing > 3:
                expect(tab.get_by_text(f"+{ringing - 3} ringing")).to_be_in_viewport()
        assert covered(page, HEADS) == []
        assert covered(form, ".top-bar :is(a, button, input)") == []
        for place in (0, fields.count() // 2, fields.count() - 1):
            fields.nth(place).focus()
            until(form, f"!({UNDER_TRAY})(':focus').length")
            until(form, f"{SEEN_RINGING} === {min(ringing, 3)}")
        note = form.get_by_label("Note")
        if note.is_visible():
            note.focus()
            until(form, f"{SEEN_RINGING} === {min(ringing, 3)}")


@pytest.mark.parametrize("size", SIZES[:3])
def test_the_focus_is_where_it_was_after_f2_a_digit_and_enter(
    office: Office, sign_in: SignIn, size: tuple[int, int]
) -> None:
    context = sign_in("Bob", viewport={"width": size[0], "height": size[1]})
    page = watching(context, office, "/contacts/new")
    name = page.locator("main input[name=name]")
    name.fill("Rua 1")
    call = talk(office)
    expect(page.locator(ENDED)).to_have_count(1)
    page.keyboard.press("F2")
    page.keyboard.press("3")
    page.keyboard.press("Enter")
    expect(page.locator(CARD)).to_have_count(0)
    expect(name).to_be_focused()
    page.keyboard.type("2")
    expect(name).to_have_value("Rua 12")
    assert written(office) == [(call, "call_again", "", True)]


def test_the_last_row_of_a_page_can_be_scrolled_free(office: Office, sign_in: SignIn) -> None:
    office.do(lambda: [make_contact(f"Person {number:02}") for number in range(25)])
    context = sign_in("Bob", viewport={"width": 1280, "height": 860})
    page = watching(context, office, "/contacts")
    talk(office)
    expect(page.locator(ENDED)).to_have_count(1)
    # The page is longer by the tray one frame later.
    until(
        page,
        "getComputedStyle(document.documentElement).getPropertyValue('--tray-height') ==="
        " `${document.getElementById('tray').offsetHeight}px`",
    )
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    until(page, f"!({UNDER_TRAY})('main tr:last-child td, main tr:last-child a').length")


def test_the_page_gives_up_the_place_of_a_card_on_a_wide_screen(
    office: Office, sign_in: SignIn
) -> None:
    page = watching(sign_in("Bob", viewport={"width": 1440, "height": 900}), office, "/contacts")
    talk(office)
    expect(page.locator(ENDED)).to_have_count(1)
    tray = page.locator("#tray").bounding_box()
    head = page.locator("main .page-header").bounding_box()
    assert tray
    assert head
    assert head["x"] + head["width"] <= tray["x"]


def test_nothing_moves_on_a_very_wide_screen(office: Office, sign_in: SignIn) -> None:
    page = watching(sign_in("Bob", viewport={"width": 1920, "height": 1080}), office, "/contacts")
    before = page.locator("main .page-header").bounding_box()
    talk(office)
    expect(page.locator(ENDED)).to_have_count(1)
    assert page.locator("main .page-header").bounding_box() == before


def test_the_sheet_of_a_telephone_has_three_stops(office: Office, sign_in: SignIn) -> None:
    page = watching(sign_in("Bob", viewport={"width": 390, "height": 844}), office)
    tray = page.locator("#tray")
    call = office.ring(ANA, "101")
    expect(page.locator(OPEN)).to_have_count(1)
    expect(tray).to_have_attribute("data-stop", "half")
    office.answer(call, "101")
    expect(page.locator(f"{OPEN}[data-state=answered]")).to_have_count(1)
    # After five seconds.
    expect(tray).to_have_attribute("data-stop", "bar")
    until(page, "document.getElementById('tray').offsetHeight === 56")
    expect(page.locator(OPEN).get_by_role("heading")).to_be_in_viewport()
    page.get_by_label("More or less of the call").click()
    expect(tray).to_have_attribute("data-stop", "half")
    page.get_by_label("More or less of the call").click()
    expect(tray).to_have_attribute("data-stop", "full")
    page.get_by_label("More or less of the call").click()
    expect(tray).to_have_attribute("data-stop", "bar")
    office.end(call, talk_seconds=65)
    expect(page.locator(ENDED)).to_have_count(1)
    expect(tray).to_have_attribute("data-stop", "half")
    until(page, "document.getElementById('tray').offsetHeight <= innerHeight / 2")
    save = page.locator(ENDED).get_by_role("button", name="Save")
    expect(save).to_be_in_viewport(ratio=1)
    box = save.bounding_box()
    assert box
    assert box["height"] >= 44
    page.locator("main h1").click()
    expect(tray).to_have_attribute("data-stop", "bar")
    expect(page.locator(ENDED)).to_have_count(1)
    assert page.locator(ROW).count() == 0


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_sticks_out_of_a_card_in_portuguese(
    office: Office, sign_in: SignIn, width: int
) -> None:
    context = sign_in("Bob", viewport={"width": width, "height": 860}, locale="pt-PT")
    page = watching(context, office)
    talk(office)
    expect(page.locator(ENDED)).to_contain_text("Interessado")
    assert page.evaluate(STICKS_OUT) == []


def test_a_page_that_was_clicked_into_is_not_scrolled(office: Office, sign_in: SignIn) -> None:
    office.do(lambda: [make_contact(f"Client {number:02}") for number in range(40)])
    context = sign_in("Bob", viewport={"width": 1280, "height": 860})
    page = watching(context, office, "/contacts")
    page.locator("main h1").click()
    office.ring(ANA, "101")
    expect(page.locator(CARD)).to_have_count(1)
    until(page, "document.documentElement.style.getPropertyValue('--tray-height') > '0px'")
    assert page.evaluate("scrollY") == 0
