"""The board and the office TV follow the calls by the stream, and say when they cannot."""

import re

from playwright.sync_api import Browser, expect
from sqlalchemy import select

from crm_app.accounts.models import User
from crm_app.accounts.presence.services import go_away
from crm_app.board import walls
from crm_app.board.models import BoardWall
from crm_app.callbacks.announcing import announce
from crm_app.callbacks.models import CallBack
from crm_app.extensions import db
from tests.browser.conftest import SignIn, watching
from tests.browser.office import Office
from tests.browser.story import ANA, RUI, Line, add_contact

# Longer than the board ever waits before it asks.
PAUSE_MS = 2_000
COUNT = """() => {
  globalThis.asked = 0;
  document.querySelector("[data-js-board]").addEventListener("news", () => { asked += 1; });
}"""


def id_of(office: Office, name: str) -> int:
    return office.do(lambda: db.session.scalars(select(User.id).where(User.name == name)).one())


def one(name: str) -> User:
    return db.session.scalars(select(User).where(User.name == name)).one()


def leave(name: str) -> None:
    go_away(one(name), one(name))


def owe() -> None:
    """Let somebody wait for a call back."""
    row = CallBack(number=RUI, misses=1)
    db.session.add(row)
    db.session.flush()
    announce(row)


def made_wall() -> str:
    return walls.new_token(walls.make("Reception", one("Alice")))


def revoke() -> None:
    walls.revoke(db.session.scalars(select(BoardWall)).one(), one("Alice"))


def test_the_board_follows_calls_presence_and_call_backs_by_the_stream(
    office: Office, sign_in: SignIn
) -> None:
    add_contact(office)
    page = watching(sign_in("Carol"), office, "/board")
    bob, erin = (page.locator(f"#board-person-{id_of(office, name)}") for name in ("Bob", "Erin"))
    call = office.ring(ANA, "101", "102")
    expect(bob).to_have_attribute("data-state", "ringing")
    expect(erin).to_have_attribute("data-state", "ringing")
    expect(page.locator("[data-board-waiting]")).to_have_text("1")
    office.answer(call, "101")
    expect(bob).to_have_attribute("data-state", "talking")
    expect(bob.get_by_role("link", name="Ana Sousa")).to_be_visible()
    expect(bob.get_by_role("timer")).to_have_text(re.compile("0:0[2-9]|0:[1-5]."))
    expect(erin).not_to_have_attribute("data-state", "ringing")
    expect(page.locator("[data-board-waiting]")).to_have_text("0")
    office.end(call, talk_seconds=30)
    expect(bob).not_to_have_attribute("data-state", "talking")
    expect(page.locator("[data-board-count=answered]")).to_have_text("1")
    office.do(lambda: leave("Erin"))
    expect(erin).to_have_attribute("data-state", "away")
    page.get_by_role("link", name="Answered calls").focus()
    office.do(owe)
    expect(page.locator("[data-board-callback]")).to_have_count(1)
    expect(page.locator("[data-board-count=call-backs]")).to_have_text("1")
    # What was drawn again took the focus from nobody.
    expect(page.get_by_role("link", name="Answered calls")).to_be_focused()


def test_the_board_asks_once_for_what_comes_in_one_burst(office: Office, sign_in: SignIn) -> None:
    context = sign_in("Carol")
    context.clock.install()
    page = watching(context, office, "/board")
    # A page that was slow to come asks once it hears the stream.
    page.clock.run_for(PAUSE_MS)
    page.evaluate(COUNT)
    for _ in range(3):
        page.evaluate("document.body.dispatchEvent(new CustomEvent('calls:changed'))")
    page.clock.run_for(PAUSE_MS)
    assert page.evaluate("asked") == 1


def test_the_office_tv_masks_goes_stale_comes_back_and_is_revoked(
    office: Office, browser: Browser
) -> None:
    add_contact(office)
    token, bob = office.do(made_wall), id_of(office, "Bob")
    context = browser.new_context(viewport={"width": 1920, "height": 1080})
    line = Line(context, "**/now")
    page = context.new_page()
    page.clock.install()
    page.goto(f"{office.url}/board/wall/{token}")
    row = page.locator(f"#wall-person-{bob}")
    call = office.ring(ANA, "101")
    expect(row).to_have_attribute("data-state", "ringing")
    expect(page.locator("#wall")).to_contain_text("••• 42")
    assert "Ana" not in page.content()
    banner = page.get_by_role("alert")
    expect(banner).to_be_hidden()
    for width, height in ((1920, 1080), (1080, 1920)):
        page.set_viewport_size({"width": width, "height": height})
        too_large = "document.documentElement.scrollHeight > innerHeight"
        assert page.evaluate(too_large) is False, (width, height)
    assert context.cookies() == []
    line.act = lambda route: route.abort()
    office.answer(call, "101")
    with page.expect_event("requestfailed"):
        pass
    page.clock.fast_forward(11_000)
    expect(banner).to_contain_text("Nothing has been heard since")
    line.mend()
    page.clock.fast_forward(6_000)
    expect(row).to_have_attribute("data-state", "talking")
    expect(banner).to_be_hidden()
    office.do(revoke)
    expect(page.locator("[data-wall-gone]")).to_be_visible()
    context.close()
