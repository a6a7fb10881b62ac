"""The tray and the panel in all states: nothing sticks out, nobody meets a barrier."""

import json

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import AXE, grave
from tests.browser.conftest import SignIn, watching
from tests.browser.office import Office
from tests.browser.states import add_long_names, each_state
from tests.browser.story import ROW
from tests.screenshots.visit import show

WIDTHS = [1440, 1280, 768, 390]
# Names and what somebody wrote may end in dots, for they are as long as they please.
MAY_BE_CUT = (
    ".call-row-name, .call-row-company, .call-row-links a, .call-card-list a, .call-card-text,"
    " .call-card-choice-lead, .write-up-who"
)
MISFITS = """([selector, mayBeCut]) => {
  const found = [];
  const paper = document.createElement("canvas").getContext("2d");
  for (const card of document.querySelectorAll(selector)) {
    const outer = card.getBoundingClientRect();
    for (const part of card.querySelectorAll("*")) {
      const seen = part.getBoundingClientRect();
      if (!part.checkVisibility() || part.closest(".visually-hidden") || !seen.width) continue;
      const box = { left: seen.left, right: seen.right, top: seen.top, bottom: seen.bottom };
      // What is cut by dots ends there, and what scrolls is looked for from side to side only.
      for (let above = part.parentElement; above !== card; above = above.parentElement) {
        const [style, edge] = [getComputedStyle(above), above.getBoundingClientRect()];
        if (style.textOverflow === "ellipsis") {
          box.left = Math.max(box.left, edge.left);
          box.right = Math.min(box.right, edge.right);
        }
        if (style.overflowY !== "visible") {
          box.top = Math.max(box.top, edge.top);
          box.bottom = Math.min(box.bottom, edge.bottom);
        }
      }
      if (box.bottom <= box.top) continue;
      const named = `${part.outerHTML.slice(0, 110)} ${part.innerText ?? ""}`;
      const say = (what) => found.push(`${what}: ${named}`);
      if (box.left < outer.left - 1 || box.right > outer.right + 1) say("out at a side");
      if (box.top < outer.top - 1 || box.bottom > outer.bottom + 1) say("out above or below");
      const style = getComputedStyle(part);
      const isBox = style.display !== "inline";
      const isWide = isBox && part.scrollWidth > part.clientWidth + 1;
      const isHigh = isBox && part.scrollHeight > part.clientHeight + 1;
      const hasDots = style.textOverflow === "ellipsis";
      if (isWide && style.overflowX === "auto") say("scrolls sideways");
      if (isWide && hasDots && !part.matches(mayBeCut)) say("cut by dots");
      const isPressed = part.matches("button, .btn, summary, kbd, select, .badge");
      if (isPressed && (isWide || isHigh)) say("cut");
      if (part.matches("select")) {
        paper.font = style.font;
        const padding = parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
        const room = part.clientWidth - padding;
        if (paper.measureText(part.selectedOptions[0]?.text ?? "").width > room + 1) say("cut");
      }
    }
  }
  return found;
}"""


def misfits(page: Page, selector: str) -> list[str]:
    """List what sticks out of the elements, or is cut in them."""
    return list(page.evaluate(MISFITS, [selector, MAY_BE_CUT]))


def open_panel(page: Page) -> None:
    """Open what waits to be written up; the first call is unfolded, with a task and its day."""
    expect(page.locator("#write-ups")).to_be_hidden()
    page.keyboard.press("Shift+F2")
    row = page.locator("#write-ups [data-write-up]").first
    expect(row.get_by_label("Note").or_(row.get_by_label("Nota"))).to_be_visible()
    row.locator("label:has([name=chip]:not([value='']))").last.click()


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_sticks_out_or_is_cut_in_portuguese(
    office: Office, sign_in: SignIn, width: int
) -> None:
    add_long_names(office)
    context = sign_in("Bob", viewport={"width": width, "height": 844}, locale="pt-PT")
    page = watching(context, office)
    found = {}
    for name, card, ringing in each_state(office):
        expect(page.locator(card)).to_be_visible()
        expect(page.locator(f"{ROW}[data-state=ringing]")).to_have_count(ringing)
        for stop in ("half", "full") if width < 768 else ("",):
            if stop:
                page.locator("#tray").evaluate("(tray, stop) => tray.dataset.stop = stop", stop)
            if wrong := misfits(page, ".call-card, .call-row, .tray-more"):
                found[f"{name} {stop}"] = wrong
    open_panel(page)
    if wrong := misfits(page, "#write-ups"):
        found["panel"] = wrong
    assert not found, json.dumps(found, indent=1, ensure_ascii=False)


@pytest.mark.parametrize("width", [1440, 390])
def test_no_state_is_a_barrier_to_anybody(office: Office, sign_in: SignIn, width: int) -> None:
    add_long_names(office)
    context = sign_in("Bob", viewport={"width": width, "height": 844}, reduced_motion="reduce")
    context.add_init_script(AXE)
    page = watching(context, office)
    found = {}
    for name, card, ringing in each_state(office):
        expect(page.locator(card)).to_be_visible()
        expect(page.locator(f"{ROW}[data-state=ringing]")).to_have_count(ringing)
        for theme in ("light", "dark"):
            show(page, width, 844, theme)
            if barriers := grave(page, "#tray"):
                found[f"{name} {theme}"] = barriers
    open_panel(page)
    for theme in ("light", "dark"):
        show(page, width, 844, theme)
        if barriers := grave(page, "#write-ups") + grave(page, "#write-ups-counter"):
            found[f"panel {theme}"] = barriers
    assert not found, json.dumps(found, indent=1, ensure_ascii=False)
