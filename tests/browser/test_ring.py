"""The ring: in one tab, not when it is switched off, and honest where the browser forbids it."""

import pytest
from playwright.sync_api import expect

from tests.browser import sound
from tests.browser.conftest import SignIn, eventually, stop_time, until, watching
from tests.browser.office import Office
from tests.browser.story import ANA, CARD

RING_LOCKS = """navigator.locks.query().then((all) => [all.held, all.pending].map(
  (locks) => locks.filter(({ name }) => name === "ramal-ring").length))"""


def test_it_rings_in_one_tab_and_stops_when_nobody_rings(office: Office, sign_in: SignIn) -> None:
    context = sign_in("Bob")
    context.add_init_script(sound.HEAR)
    tabs = [watching(context, office) for _ in range(3)]
    for tab in tabs:
        tab.mouse.click(5, 5)
    call = office.ring(ANA, "101")
    for tab in tabs:
        expect(tab.locator(CARD)).to_have_count(1)
    # All have asked for the ring, and one has it.
    eventually(tabs[0], lambda: tabs[0].evaluate(RING_LOCKS) == [1, 2], "one lock")
    eventually(tabs[0], lambda: any(tab.evaluate("tones") for tab in tabs), "a tone")
    ringing = [tab for tab in tabs if tab.evaluate("tones")]
    assert len(ringing) == 1
    office.end(call)
    expect(ringing[0].locator(CARD)).to_have_count(0)
    until(ringing[0], "sounding.size === 0")


def test_it_stays_silent_when_it_is_switched_off(office: Office, sign_in: SignIn) -> None:
    context = sign_in("Bob")
    context.add_init_script(sound.HEAR)
    page = watching(context, office)
    switch = page.get_by_label("Ringtone for my calls")
    page.locator("#lamp [data-bs-toggle]").click()
    switch.uncheck()
    page.reload()
    expect(page.locator("[data-js-ring-switch]")).not_to_be_checked()
    # The browser lets the page ring: nothing but the switch keeps it silent.
    page.locator("#lamp [data-bs-toggle]").click()
    switch.check()
    expect(page.locator("#lamp[data-muted=no]")).to_have_attribute("data-sound", "ready")
    switch.uncheck()

    office.ring(ANA, "101")

    # The title changes after the ring was thought about.
    expect(page).to_have_title("📞 910 000 042")
    assert page.evaluate(RING_LOCKS) == [0, 0]
    assert page.evaluate("tones") == 0
    switch.check()
    until(page, "tones > 0")


def test_it_says_when_the_browser_does_not_let_it_ring(office: Office, sign_in: SignIn) -> None:
    page = sign_in("Bob").new_page()
    page.goto(f"{office.url}/contacts")
    blocked = page.get_by_role("button", name="Sound is blocked – click to enable")
    expect(blocked).to_be_visible()
    blocked.click()
    expect(blocked).to_be_hidden()


def test_it_rings_in_a_browser_that_does_not_say_when_sound_begins(
    office: Office, sign_in: SignIn
) -> None:
    context = sign_in("Bob")
    context.add_init_script(f"""{sound.HEAR}
      const Real = AudioContext;
      globalThis.AudioContext = class extends Real {{
        addEventListener(kind, ...told) {{
          if (kind !== "statechange") super.addEventListener(kind, ...told);
        }}
      }};
    """)
    page = watching(context, office)
    page.mouse.click(5, 5)
    office.ring(ANA, "101")
    until(page, "tones > 0")


@pytest.mark.parametrize("seconds", [0, 1, 10, 60])
def test_it_rings_on_a_computer_whose_sound_begins_late(
    office: Office, sign_in: SignIn, seconds: int
) -> None:
    context = sign_in("Bob")
    context.add_init_script(f"""{sound.HEAR}
      globalThis.late = [];
      const Real = AudioContext;
      globalThis.AudioContext = class extends Real {{
        constructor() {{
          super();
          this.suspend();
          late.push(this);
        }}
        resume() {{
          return new Promise(() => {{}});
        }}
        begin() {{
          return super.resume();
        }}
      }};
    """)
    context.clock.install()
    page = watching(context, office)
    stop_time(page)
    page.mouse.click(5, 5)
    office.ring(ANA, "101")
    expect(page.locator(CARD)).to_have_count(1)
    context.clock.run_for(seconds * 1_000)
    expect(page.locator("#lamp")).not_to_have_attribute("data-sound", "ready")
    begin = "late.filter(({state}) => state === 'suspended').map((audio) => audio.begin()).length"
    assert page.evaluate(begin) > 0, "it has given up"
    context.clock.resume()
    until(page, "tones > 0")
    expect(page.locator("#lamp")).to_have_attribute("data-sound", "ready")
