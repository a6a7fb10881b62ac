"""The pickers of a contact or company: chosen by the keyboard, and never dropped."""

import re
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from sqlalchemy import select

from crm_app.calls.models import Call
from crm_app.contacts.models import Contact, ContactKind
from crm_app.demo import make_contact, make_lead, make_task
from crm_app.extensions import db
from crm_app.leads.models import Lead
from crm_app.tasks.models import Task
from tests.browser.axe import AXE, grave
from tests.browser.conftest import SignIn, eventually
from tests.browser.office import Office
from tests.browser.story import STRANGER, id_of, talk


@dataclass(frozen=True)
class Place:
    """A form with a picker: where it is, what must be typed else, and what the picker chooses."""

    path: str
    field: str
    title: str
    record: type[Contact] | type[Lead] | type[Task]
    column: str
    typed: str
    name: str


PLACES = {
    "company of a contact": Place(
        "/contacts/new", "company_id", "name", Contact, "name", "ofic", "Oficina Três Rios"
    ),
    "contact of a lead": Place(
        "/leads/new", "contact_id", "title", Lead, "title", "ana", "Ana Sousa"
    ),
    "contact of a task": Place(
        "/tasks/new", "contact_id", "title", Task, "title", "ana", "Ana Sousa"
    ),
}  # fmt: skip
EVERYWHERE = pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
CHIP = ".picker-chip"


@pytest.fixture(autouse=True)
def _people(office: Office) -> None:
    """The people and companies to choose from."""

    def add() -> None:
        make_contact("Oficina Três Rios", kind=ContactKind.COMPANY)
        make_contact("Oficina do Norte", kind=ContactKind.COMPANY)
        make_contact("Ana Sousa", phones=("912 345 678",))
        make_contact("Ana Lima")

    office.do(add)


def open_form(page: Page, office: Office, place: Place) -> None:
    """Open a form and type its title."""
    page.goto(f"{office.url}{place.path}")
    page.locator(f"main [name={place.title}]").fill("Something new")


def box(page: Page, place: Place) -> Locator:
    """Give the picker's field."""
    return page.locator(f"#{place.field}-q")


def find(page: Page, place: Place, text: str) -> None:
    """Type a text and wait for its hits; those for its beginning may have come before."""
    field = box(page, place)
    field.press_sequentially(text)
    found = page.locator(f"#{place.field}-found [data-js-found-for='{text}']")
    expect(found).to_be_attached()
    expect(field).to_have_attribute("aria-expanded", "true")


def chosen(office: Office, place: Place) -> str | None:
    """Name whom the saved record is with."""

    def look() -> str | None:
        column = getattr(place.record, place.column)
        row = db.session.scalars(select(place.record).where(column == "Something new")).one()
        with_whom = row.company if isinstance(row, Contact) else row.contact
        return with_whom.name if with_whom else None

    return office.do(look)


def saved(page: Page, place: Place) -> None:
    """Wait until the form was saved."""
    page.wait_for_url(lambda url: not url.endswith(place.path))


@EVERYWHERE
def test_it_is_chosen_by_down_and_enter_and_saved_by_enter(
    office: Office, sign_in: SignIn, place: Place
) -> None:
    page = sign_in("Bob").new_page()
    open_form(page, office, place)
    field = box(page, place)
    field.press_sequentially(place.typed)
    expect(field).to_have_attribute("aria-expanded", "true")
    hits = page.locator(f"#{place.field}-found [role=option]")
    wanted = hits.filter(has_text=place.name)
    while wanted.get_attribute("aria-selected") != "true":
        field.press("ArrowDown")
    expect(field).to_have_attribute("aria-activedescendant", wanted.get_attribute("id") or "")

    field.press("Enter")

    expect(page.locator(CHIP)).to_contain_text(place.name)
    expect(field).to_have_value("")
    expect(field).to_be_focused()
    assert page.url.endswith(place.path), "the form was sent"
    field.press("Enter")
    saved(page, place)
    assert chosen(office, place) == place.name


@EVERYWHERE
def test_it_takes_the_first_hit_when_enter_comes_before_the_hits(
    office: Office, sign_in: SignIn, place: Place
) -> None:
    page = sign_in("Bob").new_page()
    open_form(page, office, place)
    box(page, place).focus()
    page.keyboard.type(place.name[:-1])
    page.keyboard.press("Enter")
    expect(page.locator(CHIP)).to_contain_text(place.name)
    assert page.url.endswith(place.path)


@EVERYWHERE
def test_it_keeps_the_choice_on_tab_and_after_a_reload(
    office: Office, sign_in: SignIn, place: Place
) -> None:
    page = sign_in("Bob").new_page()
    open_form(page, office, place)
    field = box(page, place)
    find(page, place, place.name)
    field.press("ArrowDown")
    field.press("Tab")
    expect(field).not_to_be_focused()
    expect(page.locator(CHIP)).to_contain_text(place.name)

    page.reload()

    expect(page.locator(CHIP)).to_contain_text(place.name)
    field.press("Enter")
    saved(page, place)
    assert chosen(office, place) == place.name


@EVERYWHERE
def test_it_closes_by_escape_and_asks_for_what_was_not_chosen(
    office: Office, sign_in: SignIn, place: Place
) -> None:
    page = sign_in("Bob").new_page()
    open_form(page, office, place)
    field = box(page, place)
    find(page, place, place.typed)
    field.press("Escape")
    expect(field).to_have_attribute("aria-expanded", "false")
    expect(field).to_have_value(place.typed)

    field.press("Enter")

    expect(page.locator(f"#{place.field}-error")).to_contain_text(f"“{place.typed}” is not chosen")
    expect(field).to_have_value(place.typed)
    expect(page.locator(f"main [name={place.title}]")).to_have_value("Something new")
    field.fill("")
    field.press("Enter")
    saved(page, place)
    assert chosen(office, place) is None


@EVERYWHERE
def test_it_makes_whom_nobody_knows_on_saving(
    office: Office, sign_in: SignIn, place: Place
) -> None:
    page = sign_in("Bob").new_page()
    open_form(page, office, place)
    field = box(page, place)
    field.press_sequentially("Zebra e Filhos")
    option = page.locator(f"#{place.field}-found [role=option]")
    expect(option).to_contain_text(re.compile("Create (company|contact)\\s+“Zebra e Filhos”"))
    field.press("Enter")
    expect(option).to_have_attribute("aria-selected", "true")
    assert (
        office.do(
            lambda: db.session.scalar(select(Contact).where(Contact.name == "Zebra e Filhos"))
        )
        is None
    )
    field.press("Enter")
    expect(page.locator(CHIP)).to_contain_text("Zebra e Filhos")
    expect(page.locator(CHIP)).to_contain_text("new")
    field.press("Enter")
    saved(page, place)
    assert chosen(office, place) == "Zebra e Filhos"
    kind = office.do(
        lambda: db.session.scalars(
            select(Contact.kind).where(Contact.name == "Zebra e Filhos")
        ).one()
    )
    assert kind == (ContactKind.COMPANY if place.field == "company_id" else ContactKind.PERSON)


@EVERYWHERE
def test_it_is_taken_out_by_its_button_and_by_backspace(
    office: Office, sign_in: SignIn, place: Place
) -> None:
    page = sign_in("Bob").new_page()
    open_form(page, office, place)
    field = box(page, place)
    for take_out in ("button", "key"):
        field.press_sequentially(place.name)
        expect(field).to_have_attribute("aria-expanded", "true")
        field.press("Enter")
        expect(page.locator(CHIP)).to_be_visible()
        if take_out == "button":
            page.get_by_role("button", name=f"Remove: {place.name}").click()
        else:
            field.press("Backspace")
        expect(page.locator(CHIP)).to_have_count(0)
        expect(field).to_be_focused()
    field.press("Enter")
    saved(page, place)
    assert chosen(office, place) is None


@EVERYWHERE
def test_it_leaves_an_enter_that_ends_a_composition_alone(
    office: Office, sign_in: SignIn, place: Place
) -> None:
    page = sign_in("Bob").new_page()
    open_form(page, office, place)
    field = box(page, place)
    find(page, place, place.typed)
    field.evaluate("""field => field.dispatchEvent(new KeyboardEvent("keydown", {
        key: "Enter", isComposing: true, bubbles: true, cancelable: true,
    }))""")
    expect(field).to_have_attribute("aria-expanded", "true")
    expect(page.locator(CHIP)).to_have_count(0)


@EVERYWHERE
def test_it_is_chosen_by_a_touch_on_a_narrow_screen(
    office: Office, sign_in: SignIn, place: Place
) -> None:
    context = sign_in("Bob", viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    open_form(page, office, place)
    box(page, place).tap()
    find(page, place, place.typed)
    option = page.locator(f"#{place.field}-found [role=option]").filter(has_text=place.name)
    expect(option).to_be_visible()
    size = option.bounding_box()
    assert size is not None
    assert size["height"] >= 44
    assert size["x"] + size["width"] <= 390
    option.tap()
    expect(page.locator(CHIP)).to_contain_text(place.name)


@EVERYWHERE
def test_it_shows_whom_the_record_has_already(
    office: Office, sign_in: SignIn, place: Place
) -> None:
    def add() -> str:
        if place.record is Contact:
            company = db.session.scalars(select(Contact).where(Contact.name == place.name)).one()
            return f"/contacts/{make_contact('Rui', company_id=company.id).id}/edit"
        ana = db.session.scalars(select(Contact).where(Contact.name == "Ana Sousa")).one()
        if place.record is Lead:
            return f"/leads/{make_lead('Roof', contact=ana).id}/edit"
        return f"/tasks/{make_task('Roof', contact=ana).id}/edit"

    page = sign_in("Alice").new_page()
    page.goto(f"{office.url}{office.do(add)}")
    expect(page.locator(CHIP)).to_contain_text(place.name)
    expect(page.locator(CHIP).get_by_text("new")).to_have_count(0)


@EVERYWHERE
def test_it_works_without_scripts(office: Office, sign_in: SignIn, place: Place) -> None:
    page = sign_in("Bob", java_script_enabled=False).new_page()
    open_form(page, office, place)
    box(page, place).fill(place.typed)
    page.get_by_role("button", name="Search").last.click()
    page.get_by_role("radio", name=place.name).check()
    page.locator("main form").get_by_role("button", name="Save").last.click()
    saved(page, place)
    assert chosen(office, place) == place.name


def test_it_says_who_it_was_by_the_keyboard(office: Office, sign_in: SignIn) -> None:
    call = id_of(office, talk(office, STRANGER))
    page = sign_in("Bob").new_page()
    page.goto(f"{office.url}/calls/{call}/attach")
    field = page.get_by_role("combobox", name="Name, company, e-mail or number")
    field.press_sequentially("ana")
    expect(field).to_have_attribute("aria-expanded", "true")
    wanted = page.get_by_role("option", name=re.compile("Ana Sousa"))
    while wanted.get_attribute("aria-selected") != "true":
        field.press("ArrowDown")
    field.press("Enter")
    page.wait_for_url(f"{office.url}/calls/{call}")
    expect(page.get_by_text("The call was with Ana Sousa.")).to_be_visible()


@EVERYWHERE
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_has_no_barrier_while_it_is_open_and_after_the_choice(
    office: Office, sign_in: SignIn, place: Place, theme: str
) -> None:
    context = sign_in("Bob", color_scheme=theme, reduced_motion="reduce")
    context.add_init_script(AXE)
    page = context.new_page()
    open_form(page, office, place)
    field = box(page, place)
    find(page, place, place.typed)
    field.press("ArrowDown")
    assert grave(page, "main") == []
    field.press("Enter")
    expect(page.locator(CHIP)).to_be_visible()
    page.reload()
    expect(page.locator(".unsaved")).to_be_visible()
    assert grave(page, "main") == []


def test_whom_one_has_chosen_can_be_called(office: Office, sign_in: SignIn) -> None:
    page = sign_in("Bob").new_page()
    place = PLACES["contact of a task"]
    open_form(page, office, place)
    box(page, place).press_sequentially("ana sousa")
    page.get_by_role("option", name="Ana Sousa").click()
    button = page.locator(CHIP).get_by_role("button", name="Call Ana Sousa 912 345 678")
    expect(button).to_have_attribute("data-call-number", "+351912345678")

    button.click()

    expect(page.locator("#dials")).to_contain_text("912 345 678")
    expect(page.locator("main [name=title]")).to_have_value("Something new")
    page.locator("main [name=title]").press("Enter")
    saved(page, place)
    assert chosen(office, place) == "Ana Sousa"


def test_whom_a_record_has_already_can_be_called_from_its_form(
    office: Office, sign_in: SignIn
) -> None:
    def add() -> int:
        ana = db.session.scalars(select(Contact).where(Contact.name == "Ana Sousa")).one()
        return make_lead("Roof", contact=ana).id

    page = sign_in("Bob").new_page()
    page.goto(f"{office.url}/leads/{office.do(add)}/edit")
    button = page.locator(CHIP).get_by_role("button", name="Call Ana Sousa 912 345 678")
    expect(button).to_have_attribute("data-call-number", "+351912345678")


def test_it_finds_what_was_typed_before_the_scripts_were_there(
    office: Office, sign_in: SignIn
) -> None:
    talk(office, STRANGER)
    call_id = office.do(lambda: db.session.scalar(select(Call.id)))
    page = sign_in("Carol").new_page()
    held: list[Route] = []
    page.route("**/htmx.min.js", lambda route: held.append(route))
    page.goto(f"{office.url}/calls/{call_id}/attach", wait_until="commit")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("três")
    expect(page.locator("#q")).to_have_value("três")
    eventually(page, lambda: held, "the script is asked for")
    held[0].continue_()
    expect(page.get_by_role("option", name="Oficina Três Rios")).to_be_visible()
