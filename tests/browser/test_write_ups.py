"""What waits to be written up: the counter, the panel that is worked by keys, Today, and later."""

import re
from datetime import timedelta
from typing import Literal

import pytest
import sqlalchemy as sa
from playwright.sync_api import Locator, Page, expect

from crm_app import clock
from crm_app.calls.models import CallWrapup
from crm_app.extensions import db
from crm_app.tasks.models import Task
from tests.browser.conftest import SignIn, eventually, until, watching
from tests.browser.office import Office
from tests.browser.story import (
    CARD,
    ENDED,
    add_contact,
    count_tasks,
    id_of,
    talk,
    written,
)
from tests.browser.test_accessibility import AXE, grave

NAMES = ("Ana Sousa", "Rui Costa", "Marta Reis", "Luis Pinto", "Eva Dias")
COUNTER, PANEL = "[data-write-ups-open]", "#write-ups"


def folded(office: Office, *names: str) -> list[str]:
    """Let clients be talked with, one after the other, and their cards be put away."""
    calls = []
    for place, name in enumerate(names):
        number = f"+35191000005{place}"
        add_contact(office, name, number)
        calls.append(talk(office, number))
    office.do(lambda: db.session.execute(sa.update(CallWrapup).values(folded_at=clock.now())))
    return calls


def counts(page: Page, waiting: int) -> None:
    """Look at the counter, which is hidden when nothing waits."""
    counter = page.locator(COUNTER)
    expect(counter).to_have_attribute("data-write-ups-open", str(waiting))
    expect(counter).to_be_visible(visible=waiting > 0)


def row_of(page: Page, place: str, name: str) -> Locator:
    """Find the row of a call that waits, by whom it was with."""
    return page.locator(f"{place} [data-write-up]", has_text=name)


def opened_panel(page: Page) -> Locator:
    """Open the panel by its key and wait for the rows."""
    page.keyboard.press("Shift+F2")
    panel = page.locator(PANEL)
    expect(panel.locator("[data-write-up] summary").first).to_be_focused()
    return panel


def saved(office: Office) -> list[tuple[str, str, str]]:
    """Read what is saved: the PBX's call id, outcome and note."""
    return [(call, outcome, note) for call, outcome, note, is_saved in written(office) if is_saved]


def test_five_calls_are_written_up_by_ten_keys(office: Office, sign_in: SignIn) -> None:
    calls = folded(office, *NAMES)
    page = watching(sign_in("Bob"), office)
    counts(page, 5)
    expect(page.locator(PANEL)).to_be_hidden()
    panel = opened_panel(page)
    for outcome, left in ((1, 4), (2, 3), (3, 2), (4, 1), (5, 0)):
        page.keyboard.press(str(outcome))
        page.keyboard.press("Enter")
        expect(panel.locator("[data-write-up]")).to_have_count(left)
        if left:
            expect(panel.locator("[data-write-up] summary").first).to_be_focused()
    outcomes = ["done", "interested", "call_again", "not_interested", "not_reached"]
    # The latest stands on top.
    assert saved(office) == [
        (call, outcome, "") for call, outcome in zip(calls, reversed(outcomes), strict=True)
    ]
    expect(panel).to_contain_text("Everything is written up.")
    counts(page, 0)


def test_it_goes_up_and_down_by_arrows_and_to_the_note_by_tab(
    office: Office, sign_in: SignIn
) -> None:
    calls = folded(office, *NAMES[:3])
    page = watching(sign_in("Bob"), office)
    panel = opened_panel(page)
    rows = panel.locator("[data-write-up]")
    for key, place in (("ArrowDown", 1), ("ArrowDown", 2), ("ArrowDown", 2), ("ArrowUp", 1)):
        page.keyboard.press(key)
        expect(rows.nth(place).locator("summary")).to_be_focused()
        expect(panel.locator("[data-write-up][open]")).to_have_count(1)
        expect(rows.nth(place)).to_have_attribute("open", "")
    note = rows.nth(1).get_by_label("Note", exact=True)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(note).to_be_focused()
    page.keyboard.type("Wants 2 windows")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("and a door")
    page.keyboard.press("Enter")
    expect(rows).to_have_count(2)
    assert saved(office) == [(calls[1], "", "Wants 2 windows\nand a door")]
    expect(rows.nth(1).locator("summary")).to_be_focused()


def test_it_gives_the_focus_back_when_it_closes(office: Office, sign_in: SignIn) -> None:
    folded(office, *NAMES[:2])
    page = watching(sign_in("Bob"), office, "/contacts/new")
    name = page.locator("main input[name=name]")
    name.fill("Rua 1")
    for key in ("Escape", "Shift+F2"):
        panel = opened_panel(page)
        page.keyboard.press("2")
        page.keyboard.press(key)
        expect(panel).to_be_hidden()
        expect(name).to_be_focused()
    page.keyboard.type("2")
    expect(name).to_have_value("Rua 12")
    for left in (1, 0):
        if left:
            opened_panel(page)
        page.keyboard.press("1")
        page.keyboard.press("Enter")
        expect(page.locator(f"{PANEL} [data-write-up]")).to_have_count(left)
    page.keyboard.press("Escape")
    expect(name).to_be_focused()
    assert len(saved(office)) == 2


def test_it_asks_no_more_for_what_is_dismissed(office: Office, sign_in: SignIn) -> None:
    folded(office, *NAMES[:2])
    page = watching(sign_in("Bob"), office)
    panel = opened_panel(page)
    panel.locator("[open]").get_by_role("button", name="Do not write up").click()
    expect(panel.locator("[data-write-up]")).to_have_count(1)
    counts(page, 1)
    page.reload()
    counts(page, 1)
    assert saved(office) == []
    opened_panel(page)
    expect(row_of(page, PANEL, NAMES[0])).to_have_count(1)


def test_a_card_that_is_closed_waits_in_the_counter_of_all_tabs(
    office: Office, sign_in: SignIn
) -> None:
    add_contact(office)
    context = sign_in("Bob")
    first, second = watching(context, office), watching(context, office)
    call = talk(office)
    for page in (first, second):
        expect(page.locator(ENDED)).to_have_count(1)
        counts(page, 0)
    first.bring_to_front()
    first.locator(ENDED).get_by_role("button", name="Write up later").click()
    for page in (first, second):
        expect(page.locator(CARD)).to_have_count(0)
        counts(page, 1)
    for page in (first, second):
        page.bring_to_front()
        opened_panel(page)
    second.keyboard.press("1")
    second.keyboard.press("Enter")
    for page in (first, second):
        counts(page, 0)
        expect(page.locator(f"{PANEL} [data-write-up]")).to_have_count(0)
    assert saved(office) == [(call, "done", "")]


def test_it_waits_over_reloads_sign_ins_and_days(office: Office, sign_in: SignIn) -> None:
    call_id = id_of(office, folded(office, NAMES[0])[0])
    context = sign_in("Bob")
    page = watching(context, office)
    counts(page, 1)
    page.reload()
    counts(page, 1)
    counts(watching(context, office, "/leads"), 1)
    context.close()
    context = sign_in("Bob")
    page = watching(context, office, "/")
    counts(page, 1)
    today = page.locator(f"main [data-write-up='{call_id}']")
    expect(today).to_be_visible()
    yesterday = sa.update(CallWrapup).values(waits_since=clock.now() - timedelta(hours=25))
    office.do(lambda: db.session.execute(yesterday))
    page.reload()
    counts(page, 0)
    expect(today).to_be_visible()
    page.keyboard.press("Shift+F2")
    expect(page.locator(PANEL)).to_contain_text("Everything is written up.")
    expect(page.locator(f"{PANEL} [data-write-up]")).to_have_count(0)
    page.keyboard.press("Escape")
    today.locator("summary").click()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(today).to_have_count(0)
    assert [outcome for _call, outcome, _note in saved(office)] == ["done"]


def test_what_is_saved_is_said_and_can_be_taken_back(office: Office, sign_in: SignIn) -> None:
    folded(office, NAMES[0])
    page = watching(sign_in("Bob"), office)
    panel = opened_panel(page)
    page.keyboard.press("3")
    row = panel.locator("[data-write-up]")
    row.get_by_text("Tomorrow", exact=True).click()
    row.get_by_role("button", name="Save").click()
    toast = page.locator("#toasts .toast")
    expect(toast).to_contain_text("Ana Sousa: Call again, task tomorrow")
    # It stays as long as the mouse is on it.
    toast.get_by_role("button", name="Undo").hover()
    assert count_tasks(office) == 1
    counts(page, 0)
    toast.get_by_role("button", name="Undo").click()
    expect(toast).to_contain_text("Taken back. The call waits to be written up again.")
    page.wait_for_selector("#lamp[data-live-state=ok]", state="attached")
    counts(page, 1)
    left = sa.select(sa.func.count()).where(Task.deleted_at.is_(None))
    assert office.do(lambda: db.session.scalar(left)) == 0
    assert saved(office) == []
    panel = opened_panel(page)
    expect(panel.locator("[name=outcome]:checked")).to_have_value("call_again")


def test_a_draft_is_the_same_in_the_panel_and_on_the_page_of_the_call(
    office: Office, sign_in: SignIn
) -> None:
    call_id = id_of(office, folded(office, NAMES[0])[0])
    page = watching(sign_in("Bob"), office, f"/calls/{call_id}")
    panel = opened_panel(page)
    panel.get_by_label("Note", exact=True).fill("Wants a price")
    expect(page.locator("main .wrapup").get_by_label("Note", exact=True)).to_have_value(
        "Wants a price"
    )
    eventually(page, lambda: [row[2] for row in written(office)] == ["Wants a price"], "kept")
    page.goto(f"{office.url}/contacts")
    panel = opened_panel(page)
    expect(panel.get_by_label("Note", exact=True)).to_have_value("Wants a price")
    expect(panel.get_by_label("Draft")).to_have_count(1)


def test_a_draft_is_the_same_in_the_panel_and_on_the_card(office: Office, sign_in: SignIn) -> None:
    add_contact(office)
    page = watching(sign_in("Bob"), office)
    # What it finds when it comes takes no focus.
    page.wait_for_selector("#tray[data-loaded]", state="attached")
    call = talk(office)
    card = page.locator(ENDED)
    expect(card).to_be_focused()
    panel = opened_panel(page)
    panel.get_by_label("Note", exact=True).fill("Wants a price")
    expect(card.get_by_label("Note", exact=True)).to_have_value("Wants a price")
    page.keyboard.press("Enter")
    expect(page.locator(CARD)).to_have_count(0)
    assert saved(office) == [(call, "", "Wants a price")]


def test_a_task_on_another_day_keeps_its_day(office: Office, sign_in: SignIn) -> None:
    folded(office, NAMES[0])
    page = watching(sign_in("Bob"), office)
    row = opened_panel(page).locator("[data-write-up]")
    expect(row.get_by_label("Day", exact=True)).to_be_hidden()
    row.get_by_text("Another day", exact=True).click()
    row.get_by_role("button", name="Save").click()
    expect(row.get_by_role("alert")).to_have_text("Choose a day.")
    expect(row.get_by_label("Day", exact=True)).to_be_visible()
    wanted = clock.now().date() + timedelta(days=20)
    row.get_by_label("Day", exact=True).fill(wanted.isoformat())
    due = sa.select(CallWrapup.task_due_at)
    eventually(page, lambda: office.do(lambda: db.session.scalar(due)) is not None, "kept")
    # What the browser still keeps goes into the form as it was typed.
    until(page, "Object.keys(localStorage).every((key) => !key.includes('draft'))")
    page.reload()
    row = opened_panel(page).locator("[data-write-up]")
    expect(row.locator("[name=chip]:checked")).to_have_value("kept")
    row.get_by_role("button", name="Save").click()
    expect(row).to_have_count(0)
    due_at = office.do(lambda: db.session.scalars(sa.select(Task.due_at)).one())
    assert due_at is not None
    assert due_at.date() == wanted


def test_a_manager_changes_what_a_colleague_has_written(office: Office, sign_in: SignIn) -> None:
    call_id = id_of(office, folded(office, NAMES[0])[0])
    page = watching(sign_in("Bob"), office)
    opened_panel(page)
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    counts(page, 0)
    page = sign_in("Alice").new_page()
    page.goto(f"{office.url}/calls/{call_id}")
    main = page.locator("main")
    expect(main.get_by_role("heading", name="How did it go?")).to_have_count(0)
    expect(main.locator(".wrapup")).to_have_count(0)
    main.get_by_role("region", name="Written up by Bob").get_by_role("link", name="Edit").click()
    form = main.get_by_role("form", name="Edit")
    form.get_by_text("Interested", exact=True).click()
    form.get_by_label("Note").fill("Wants a price")
    form.get_by_role("button", name="Save").click()
    section = main.get_by_role("region", name="Written up by Bob")
    expect(section).to_contain_text("Wants a price")
    section.get_by_text("Changes", exact=True).click()
    expect(section.locator("details")).to_contain_text(re.compile(r"Alice changed"))
    expect(section.locator("del")).to_have_text("Done")


def test_the_day_that_is_missing_has_the_focus(office: Office, sign_in: SignIn) -> None:
    folded(office, NAMES[0])
    page = watching(sign_in("Bob"), office, "/calls/write-ups")
    row = page.locator("main [data-write-up]")
    row.locator("summary").click()
    row.get_by_text("Another day", exact=True).click()
    row.get_by_role("button", name="Save").click()
    expect(row.get_by_role("alert")).to_have_text("Choose a day.")
    expect(row.get_by_label("Day", exact=True)).to_be_focused()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_waits_has_no_serious_barrier(
    office: Office, sign_in: SignIn, theme: Literal["light", "dark"]
) -> None:
    call_ids = [id_of(office, call) for call in folded(office, *NAMES[:2])]
    context = sign_in("Bob", color_scheme=theme, reduced_motion="reduce")
    context.add_init_script(AXE)
    page = watching(context, office, "/")
    page.locator("main [data-write-up] summary").first.click()
    found = {"Today": grave(page, "main")}
    page.goto(f"{office.url}/calls/write-ups")
    page.locator("main [data-write-up] summary").first.click()
    found["list"] = grave(page, "main")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.locator("main [data-write-up]")).to_have_count(1)
    panel = opened_panel(page)
    panel.locator("[open]").get_by_text("Another day", exact=True).click()
    found["panel"] = grave(page, PANEL)
    page = watching(context, office, f"/calls/{call_ids[1]}")
    page.locator("main").get_by_role("link", name="Edit").click()
    expect(page.get_by_role("form", name="Edit")).to_be_visible()
    found["call"] = grave(page, "main")
    assert found == {"Today": [], "panel": [], "list": [], "call": []}
