"""The queue of call-backs in the browser: by mouse, by keys, on a telephone, and live for all."""

import secrets
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy import select

from crm_app import clock
from crm_app.callbacks.models import CallBack
from crm_app.calls.fold.facts import Disposition, FactKind
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.live import bus
from crm_app.simulator.office import INTERACTIVE, Simulator
from crm_app.telephony import services as telephony
from crm_app.telephony.models import TelephonySettings
from tests.browser.conftest import SignIn, eventually, stop_time, until, watching
from tests.browser.hands import EVERY_WAY, KEYS, MOUSE, Hands, screen
from tests.browser.office import Office
from tests.browser.story import ANA, RUI, Line
from tests.browser.test_dial_cards import stands_beside
from tests.callbacks.ended_calls import BY_CALLS
from tests.owed import perform

KEY, SECRET = secrets.token_hex(10), secrets.token_hex(10)
ROW = "[data-callback-id]"
ALLOWED_NOTICES = """
  window.notices = [];
  window.Notification = class extends EventTarget {
    static permission = "granted";
    constructor(title, options) {
      super();
      Object.assign(this, { title, ...options });
      window.notices.push(this);
    }
    close() {}
  };
  Object.defineProperty(document, "hidden", { get: () => window.isAway ?? false });
"""
# A tab in the background says who rings, too, if it hears too late that one in front does.
REMINDED = "notices.filter(({ tag }) => tag.startsWith('call-back-'))"
# Goes to the background, and notes what other tabs have said once the page itself has heard it.
LEAVE = """() => {
  isAway = true;
  globalThis.heard = [];
  globalThis.tabs = new BroadcastChannel("ramal-reminded");
  tabs.onmessage = ({ data }) => heard.push(data);
}"""


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory, bus_url: str) -> Iterator[Office]:
    """A served office that asks a played PBX, which rings a phone for each click."""
    office = Office(tmp_path_factory.mktemp("call-backs"), bus_url)
    with Simulator(KEY, SECRET, f"{office.url}/zadarma", ring_seconds=None) as pbx:
        office.more = {"ZADARMA_API_URL": pbx.url, "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8"}
        pbx.account.callback, pbx.account.balance = INTERACTIVE, Decimal(25)
        office.start()
        yield office
        office.stop()


@pytest.fixture
def office(exchange: Office, bus_url: str) -> Office:
    """That office, connected since yesterday, with two contacts."""
    office = exchange
    bus.configure(bus_url)
    bus.client().flushdb()
    office.forget_everything()

    def prepare() -> None:
        telephony.save_keys(KEY, SECRET, office.app.extensions["vault"])
        telephony.drop_token()
        TelephonySettings.for_change().connected_at = clock.now() - timedelta(days=1)
        make_contact("Ana Sousa", phones=(ANA,))
        make_contact("Rui Reis", phones=(RUI,))

    office.do(prepare)
    return office


def look(office: Office) -> None:
    """Let the worker look at the calls."""
    office.do(lambda: perform(*BY_CALLS))


def miss(office: Office, number: str = ANA) -> None:
    """Let somebody call whom nobody answers."""
    call = office.ring(number, "101")
    office.fact(FactKind.ENDED, call, disposition=Disposition.NO_ANSWER)
    look(office)


def call_out(office: Office, number: str, seconds: int) -> None:
    """Let Bob call somebody, with a talk of some seconds or without one."""
    way = {"caller": "101", "extension": "101", "called": number}
    call = f"out_{secrets.token_hex(20)}"
    office.fact(FactKind.OUTGOING_STARTED, call, **way)
    how = Disposition.ANSWERED if seconds else Disposition.NO_ANSWER
    office.fact(FactKind.OUTGOING_ENDED, call, disposition=how, talk_seconds=seconds, **way)
    look(office)


def queue(sign_in: SignIn, office: Office, name: str, way: str = MOUSE) -> Page:
    return watching(sign_in(name, **screen(way)), office, "/callbacks")


@pytest.mark.parametrize("way", EVERY_WAY)
def test_who_was_missed_is_called_by_two_actions_and_leaves_all_screens_after_the_talk(
    office: Office, sign_in: SignIn, way: str
) -> None:
    miss(office)
    miss(office, RUI)
    erin = queue(sign_in, office, "Erin")
    hands = Hands(watching(sign_in("Bob", **screen(way)), office, "/callbacks"), way)
    bob, row = hands.page, hands.page.locator(ROW).first
    expect(bob.locator("[data-callbacks-open]")).to_have_attribute("data-callbacks-open", "2")
    with hands.at_most(2):
        if way == KEYS:
            hands.press("j")
            hands.press("Enter")
        else:
            hands.hit(row.locator("[data-action=take-and-call]"))
        expect(bob.locator("#dials .dial-row")).to_contain_text("Ana Sousa")
    expect(row).to_have_attribute("data-state", "taken")
    expect(erin.locator(ROW).first).to_contain_text("Bob took it at")
    call_out(office, ANA, 0)
    expect(bob.locator(ROW).first).to_contain_text("1 try")
    call_out(office, ANA, 42)
    for page in (bob, erin):
        expect(page.locator(ROW)).to_have_count(1)
        expect(page.locator(ROW)).to_contain_text("Rui Reis")
        expect(page.locator("[data-callbacks-open]")).to_have_attribute("data-callbacks-open", "1")


def test_the_second_reads_in_place_who_took_it_and_is_asked_before_calling(
    office: Office, sign_in: SignIn
) -> None:
    miss(office)
    bob, erin = (queue(sign_in, office, name) for name in ("Bob", "Erin"))
    row = bob.locator(ROW)
    place = row.bounding_box()
    row.locator("[data-action=take-and-call]").hover()
    erin.locator("[data-action=take]").click()
    expect(row).to_have_attribute("data-state", "taken")
    expect(row).to_contain_text("Erin took it at")
    now = row.bounding_box()
    assert place
    assert now
    assert place["y"] == now["y"]
    row.locator("[data-action=take-and-call]").click()
    expect(bob.locator("#dial-ask")).to_contain_text("Erin took this call-back at")
    expect(bob.locator("#dial-ask").get_by_role("button", name="Call anyway")).to_be_visible()
    erin.locator("[data-action=release]").click()
    expect(row).to_have_attribute("data-state", "open")
    # The row was drawn again meanwhile.
    stands_beside(bob, row.locator("[data-action=take-and-call]"))


def test_keys_take_release_and_finish_with_a_reason_that_can_be_taken_back(
    office: Office, sign_in: SignIn
) -> None:
    miss(office)
    miss(office, RUI)
    page = queue(sign_in, office, "Bob")
    rows = page.locator(ROW)
    for key in ("j", "j"):
        page.keyboard.press(key)
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("t")
    expect(rows.nth(1)).to_have_attribute("data-state", "taken")
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("r")
    expect(rows.nth(1)).to_have_attribute("data-state", "open")
    page.keyboard.press("k")
    expect(rows.nth(0)).to_be_focused()
    page.keyboard.press("d")
    expect(page.get_by_label("Done without a talk, because")).to_be_focused()
    page.keyboard.type("Wrote an e-mail")
    page.keyboard.press("Enter")
    expect(rows.nth(0)).to_have_attribute("data-state", "done")
    expect(rows.nth(0)).to_contain_text("Wrote an e-mail")
    rows.nth(0).get_by_role("button", name="Open again").click()
    expect(rows.nth(0)).to_have_attribute("data-state", "open")


def test_what_comes_while_somebody_points_at_a_row_moves_nothing(
    office: Office, sign_in: SignIn
) -> None:
    miss(office)
    page = queue(sign_in, office, "Bob")
    row = page.locator(ROW)
    row.locator("[data-action=take]").hover()
    place = row.bounding_box()
    miss(office, RUI)
    news = page.locator("[data-js-callbacks-news]")
    expect(news).to_be_visible()
    assert page.locator(ROW).first.bounding_box() == place
    expect(page.locator(ROW)).to_have_count(1)
    news.click()
    expect(page.locator(ROW)).to_have_count(2)


def test_a_list_that_was_asked_for_before_somebody_points_at_a_row_moves_nothing(
    office: Office, sign_in: SignIn
) -> None:
    miss(office)
    context = sign_in("Bob", **screen(MOUSE))
    line, held = Line(context, "**/callbacks"), list[Route]()
    page = watching(context, office, "/callbacks")
    line.act = held.append
    miss(office, RUI)
    eventually(page, lambda: held, "the list is on its way")
    page.locator("[data-action=take]").hover()
    place = page.locator(ROW).bounding_box()
    line.mend()
    for route in held:
        route.continue_()
    news = page.locator("[data-js-callbacks-news]")
    expect(news).to_be_visible()
    expect(page.locator(ROW)).to_have_count(1)
    assert page.locator(ROW).bounding_box() == place
    news.click()
    expect(page.locator(ROW)).to_have_count(2)


def test_a_manager_gives_an_old_one_to_a_colleague_from_today_in_three_actions(
    office: Office, sign_in: SignIn
) -> None:
    miss(office)

    def is_late() -> None:
        db.session.scalars(select(CallBack)).one().due_at = clock.now() - timedelta(hours=3)

    office.do(is_late)
    hands = Hands(watching(sign_in("Alice", **screen(MOUSE)), office, "/"), MOUSE)
    row = hands.page.locator(ROW)
    expect(row).to_have_attribute("data-age", "late")
    with hands.at_most(2):
        hands.hit(row.locator("[data-action=done]"))
        hands.done.append("choose")
        hands.page.get_by_label("Give to").select_option(label="Erin")
        expect(row.locator(".callback-holder")).to_contain_text("Erin")
        # The row may have heard of it before its answer has come, which closes what was opened.
        expect(hands.page.get_by_label("Give to")).to_have_count(0)
    # Arrow keys choose on their way, and give to nobody before the button is pressed.
    row.locator("[data-action=done]").click()
    people = hands.page.get_by_label("Give to")
    erin = people.input_value()
    people.focus()
    hands.page.keyboard.press("ArrowUp")
    expect(people).not_to_have_value(erin)
    expect(row.locator(".callback-holder")).to_contain_text("Erin")
    row.locator("[data-action=reassign]").click()
    expect(row.locator(".callback-holder")).not_to_contain_text("Erin")


def test_a_tab_that_hears_late_of_what_another_has_said_stays_silent(
    office: Office, sign_in: SignIn
) -> None:
    context = sign_in("Bob")
    context.add_init_script(ALLOWED_NOTICES)
    context.clock.install()
    page = watching(context, office)
    stop_time(page)
    miss(office)
    row_id = office.do(lambda: db.session.scalars(select(CallBack.id)).one())
    page.evaluate(LEAVE)
    page.evaluate(f"new BroadcastChannel('ramal-reminded').postMessage('call-back-{row_id}')")
    until(page, "heard.length === 1")
    remind = f"""async () => {{
      const {{ src }} = document.querySelector("script[src*='behaviours.js']");
      const {{ remind }} = await import(src.replace(/behaviours[.]js.*/, "reminders.js"));
      remind({row_id});
    }}"""
    page.evaluate(remind)
    page.clock.run_for(2_500)
    assert page.evaluate(f"{REMINDED}.length") == 0
    page.clock.run_for(15_000)
    page.evaluate(remind)
    page.clock.run_for(2_500)
    until(page, f"{REMINDED}.length === 1")


def test_one_notice_of_the_system_says_what_is_due_and_leads_to_it(
    office: Office, sign_in: SignIn
) -> None:
    context = sign_in("Bob")
    context.add_init_script(ALLOWED_NOTICES)
    context.clock.install()
    away, page = watching(context, office, "/leads"), watching(context, office)
    stop_time(page)
    away.evaluate(LEAVE)
    miss(office)

    def is_due() -> int:
        row = db.session.scalars(select(CallBack)).one()
        row.due_at = clock.now()
        return row.id

    row_id = office.do(is_due)
    office.do(lambda: perform("tend_call_backs"))
    until(page, f"{REMINDED}.length === 1")
    until(away, "heard.length === 1")
    # The hidden tab would have said it after two seconds at most.
    context.clock.run_for(2_500)
    office.do(lambda: perform("tend_call_backs"))
    assert away.evaluate(f"{REMINDED}.length") == 0
    said = page.evaluate("notices.map(({ title, body, tag }) => [title, body.slice(0, 7), tag])")
    assert said == [["Call back Ana Sousa", "Missed ", f"call-back-{row_id}"]]
    page.evaluate("notices[0].dispatchEvent(new Event('click'))")
    page.wait_for_url(f"**/callbacks/{row_id}")
    expect(page.locator(ROW)).to_contain_text("Ana Sousa")
