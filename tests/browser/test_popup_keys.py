"""Writing calls up by the keyboard: which card the keys go to, and what they leave alone."""

from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.conftest import SignIn, eventually, until, watching
from tests.browser.office import Office
from tests.browser.story import (
    ANA,
    CARD,
    ENDED,
    OPEN,
    ROW,
    RUI,
    Line,
    add_contact,
    count_tasks,
    id_of,
    talk,
    written,
)

IN_CARD = "document.activeElement.closest('.call-card')?.dataset.callId ?? ''"


def loaded(context: BrowserContext, office: Office, path: str = "/contacts") -> Page:
    """Open a page that has its calls: of what it finds when it comes nothing is news."""
    page = watching(context, office, path)
    page.wait_for_selector("#tray[data-loaded]", state="attached")
    return page


def focused_card(page: Page) -> str:
    """The PBX's id of the call on whose card the focus is, "" when it is on none."""
    return str(page.evaluate(IN_CARD))


def test_it_makes_one_task_however_often_enter_is_pressed(office: Office, sign_in: SignIn) -> None:
    page = loaded(sign_in("Bob"), office)
    call = talk(office, seen_on=page)
    page.get_by_text("Tomorrow", exact=True).click()
    page.get_by_label("Note").click()
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.method + request.url[-7:]))

    page.keyboard.down("Enter")
    for _ in range(5):
        page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    eventually(page, lambda: "POST/wrapup" in posts, "it is sent")
    assert posts.count("POST/wrapup") == 1
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")

    expect(page.locator(CARD)).to_have_count(0)
    expect(page.locator("#toasts .toast")).to_have_count(1)
    # It stays as long as the mouse is on it.
    page.locator("#toasts .toast").hover()
    expect(page.locator(".htmx-request")).to_have_count(0)
    # Had another press been sent, its answer would be here before the next call is.
    office.ring(RUI, "101")
    expect(page.locator(CARD)).to_have_count(1)
    assert page.locator("#toasts .toast").count() == 1
    assert count_tasks(office) == 1
    assert written(office) == [(call, "", "", True)]


def test_it_saves_what_was_typed_last_when_enter_is_pressed_again(
    office: Office, sign_in: SignIn
) -> None:
    context = sign_in("Bob")
    line = Line(context, "**/wrapup")
    page = loaded(context, office)
    call = talk(office, seen_on=page)
    page.get_by_label("Note").fill("Wants")
    # The first is never answered.
    line.act = lambda route: line.mend()
    page.keyboard.press("Enter")
    page.keyboard.type(" a price")
    page.keyboard.press("Enter")
    expect(page.locator(CARD)).to_have_count(0)
    assert written(office) == [(call, "", "Wants a price", True)]
    assert line.asked == ["POST", "POST"]


def test_it_makes_one_task_when_the_first_answer_was_lost(office: Office, sign_in: SignIn) -> None:
    context = sign_in("Bob")
    line, cards = Line(context, "**/wrapup"), Line(context, "**/tray*")
    page = loaded(context, office)
    talk(office, seen_on=page)
    page.get_by_text("Tomorrow", exact=True).click()
    page.get_by_label("Note").click()

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    # Nor does the screen hear of it.
    line.act, cards.act = lose, Route.abort
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("Not saved. Try again.")
    assert count_tasks(office) == 1
    line.mend()
    page.keyboard.press("Enter")
    expect(page.locator(CARD)).to_have_count(0)
    assert line.asked == ["POST", "POST"]
    assert count_tasks(office) == 1


def test_it_writes_up_the_call_that_ended_last(office: Office, sign_in: SignIn) -> None:
    add_contact(office)
    add_contact(office, "Rui Costa", RUI)
    page = loaded(sign_in("Bob"), office)
    first = talk(office, ANA)
    expect(page.locator(ENDED)).to_have_count(1)
    until(page, f"{IN_CARD} === '{first}'")
    second = talk(office, RUI, seen_on=page)
    until(page, f"{IN_CARD} === '{second}'")
    expect(page.locator(ENDED)).to_have_count(1)
    keyed = page.locator(".has-keys")
    expect(keyed).to_have_attribute("data-call-id", second)
    expect(keyed.locator(".wrapup kbd").first).to_be_visible()

    page.keyboard.press("2")
    page.keyboard.press("Enter")

    expect(page.locator(CARD)).to_have_count(0)
    assert [row for row in written(office) if row[3]] == [(second, "interested", "", True)]


def test_it_goes_to_a_call_whose_talk_was_too_short_to_be_seen(
    office: Office, sign_in: SignIn
) -> None:
    context = sign_in("Bob")
    line = Line(context, "**/calls/tray*")
    page = loaded(context, office)
    first = talk(office, ANA, seen_on=page)
    until(page, f"{IN_CARD} === '{first}'")
    second = office.ring(RUI, "101")
    expect(page.locator(f"{CARD}[data-call-id='{second}']")).to_have_count(1)
    line.act = Route.abort
    office.answer(second, "101")
    office.end(second, talk_seconds=1)
    line.mend()
    until(page, f"{IN_CARD} === '{second}'")


def test_it_stays_with_a_write_up_that_was_begun(office: Office, sign_in: SignIn) -> None:
    page = loaded(sign_in("Bob"), office)
    first = talk(office, ANA)
    until(page, f"{IN_CARD} === '{first}'")
    page.keyboard.press("2")
    office.ring(RUI, "101")
    expect(page.locator(f"{ROW}[data-state=ringing]")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator(ENDED)).to_have_count(0)
    assert [row for row in written(office) if row[3]] == [(first, "interested", "", True)]


def test_it_stays_when_the_write_up_was_begun_while_the_next_call_was_on_its_way(
    office: Office, sign_in: SignIn
) -> None:
    context = sign_in("Bob")
    line = Line(context, "**/calls/tray*")
    page = loaded(context, office)
    first = talk(office, ANA, seen_on=page)
    until(page, f"{IN_CARD} === '{first}'")
    late: list[Route] = []
    line.act = late.append
    office.ring(RUI, "101")
    eventually(page, lambda: late, "the screen asks for the call")
    answer = late[-1].fetch()
    page.keyboard.press("2")
    line.mend()
    # The last word about the talk may have been asked after, too, before this call was.
    for route in late:
        route.fulfill(response=answer)
    expect(page.locator(f"{ROW}[data-state=ringing]")).to_have_count(1)
    assert focused_card(page) == first
    page.keyboard.press("Enter")
    expect(page.locator(ENDED)).to_have_count(0)
    assert [row for row in written(office) if row[3]] == [(first, "interested", "", True)]


def test_it_says_what_is_missing_and_lets_one_go_on(office: Office, sign_in: SignIn) -> None:
    page = loaded(sign_in("Bob"), office)
    call = talk(office)
    until(page, f"{IN_CARD} === '{call}'")

    page.keyboard.press("Enter")

    refusal = page.locator(CARD).get_by_role("alert")
    expect(refusal).to_have_text("Choose an outcome or write a note.")
    page.get_by_label("Note").click()
    page.keyboard.press("Enter")
    expect(refusal).to_be_visible()
    expect(page.get_by_label("Note")).to_be_focused()
    expect(page.locator("#toasts .toast")).to_have_count(0)
    page.keyboard.type("Wants a price")
    page.keyboard.press("Enter")
    expect(page.locator(CARD)).to_have_count(0)
    assert written(office) == [(call, "", "Wants a price", True)]


def test_it_leaves_the_keys_of_a_page_that_has_just_come(office: Office, sign_in: SignIn) -> None:
    context = sign_in("Bob")
    page = loaded(context, office)
    talk(office)
    expect(page.locator(ENDED)).to_have_count(1)
    page = loaded(context, office)
    page.wait_for_selector("#tray[data-loaded]")
    expect(page.locator(ENDED)).to_have_count(1)

    assert focused_card(page) == ""
    for key in ("ArrowDown", "Space"):
        page.keyboard.press(key)
    expect(page.locator("[name=outcome]:checked")).to_have_count(0)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("3")
    expect(page.locator("[name=outcome]:checked")).to_have_value("call_again")


def test_it_searches_by_a_slash_while_a_write_up_waits(office: Office, sign_in: SignIn) -> None:
    page = loaded(sign_in("Bob"), office)
    call = talk(office)
    until(page, f"{IN_CARD} === '{call}'")
    for choose in ("", "1"):
        if choose:
            page.keyboard.press(choose)
            expect(page.locator("[name=outcome]:checked")).to_be_focused()
        page.keyboard.press("/")
        expect(page.locator("#search-q")).to_be_focused()
        page.locator(ENDED).focus()


def test_it_leads_by_f2_from_a_field_to_the_card_and_back(office: Office, sign_in: SignIn) -> None:
    page = loaded(sign_in("Bob"), office, "/contacts/new")
    name = page.locator("main input[name=name]")
    name.fill("Rua 12")
    page.keyboard.press("F2")
    expect(name).to_be_focused()
    call = talk(office)
    card = page.locator(ENDED)
    expect(card.get_by_text("F2", exact=True)).to_be_visible()
    expect(card).to_have_attribute("aria-keyshortcuts", "F2")
    expect(name).to_be_focused()

    page.keyboard.press("F2")
    assert focused_card(page) == call
    page.keyboard.press("F2")
    expect(name).to_be_focused()
    page.keyboard.type("3")
    expect(name).to_have_value("Rua 123")
    page.keyboard.press("F2")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.locator(CARD)).to_have_count(0)
    assert written(office) == [(call, "interested", "", True)]
    expect(name).to_be_focused()
    page.keyboard.type("4")
    expect(name).to_have_value("Rua 1234")


def test_it_leads_by_f2_to_the_open_card_among_all(office: Office, sign_in: SignIn) -> None:
    page = loaded(sign_in("Bob"), office)
    talk(office, ANA)
    expect(page.locator(ENDED)).to_have_count(1)
    ringing = office.ring(RUI, "101")
    expect(page.locator(OPEN)).to_have_attribute("data-call-id", ringing)
    expect(page.locator(CARD)).to_have_count(2)
    page.evaluate("document.activeElement.blur()")
    reached = []
    for _ in range(3):
        page.keyboard.press("F2")
        reached.append(focused_card(page))
    assert reached == [ringing, "", ringing]


def test_it_says_on_the_page_of_a_call_what_is_missing(office: Office, sign_in: SignIn) -> None:
    page = loaded(sign_in("Bob"), office)
    call_id = id_of(office, talk(office))
    page.goto(f"{office.url}/calls/{call_id}")
    form = page.locator("main .wrapup")
    form.get_by_role("button", name="Save").click()
    expect(page.locator("main").get_by_role("alert")).to_have_text(
        "Choose an outcome or write a note."
    )
    expect(page.locator("#toasts .toast")).to_have_count(0)
