"""What a hasty hand does to a form."""

import re

import pytest
from playwright.sync_api import Route, expect
from sqlalchemy import func, select

from crm_app.contacts.models import Contact
from crm_app.extensions import db
from tests.browser.conftest import SignIn, eventually
from tests.browser.office import Office

PAGE = re.compile(r"/contacts/\d+$")


def test_it_sends_a_form_once_however_often_the_hasty_click(
    office: Office, sign_in: SignIn
) -> None:
    page = sign_in("Bob").new_page()
    page.goto(f"{office.url}/contacts/new")
    page.get_by_label("Name", exact=True).fill("Rita Nova")
    on_the_way: list[Route] = []
    page.route("**/contacts/new", lambda route: on_the_way.append(route))
    page.evaluate("addEventListener('click', () => console.log('clicked'))")
    button = page.get_by_role("button", name="Save", exact=True)
    button.scroll_into_view_if_needed()
    save = button.bounding_box()
    assert save is not None

    # Nothing of the page can be asked while its form is on the way.
    with page.expect_request("**/contacts/new"):
        page.mouse.click(save["x"] + 5, save["y"] + 5)
    eventually(page, lambda: on_the_way, "the form is on the way")
    with page.expect_console_message(lambda message: message.text == "clicked"):
        page.mouse.click(save["x"] + 5, save["y"] + 5)
    assert len(on_the_way) == 1
    on_the_way[0].continue_()
    page.wait_for_url(PAGE)
    assert office.do(lambda: db.session.scalar(select(func.count()).select_from(Contact))) == 1


def test_it_lets_a_form_be_sent_again_after_going_back(office: Office, sign_in: SignIn) -> None:
    page = sign_in("Bob").new_page()
    page.goto(f"{office.url}/contacts/new")
    for name in ("Rita Nova", "Rui Costa"):
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_role("button", name="Save", exact=True).click()
        page.wait_for_url(PAGE)
        page.go_back()
        page.wait_for_url("**/contacts/new")
    assert office.do(lambda: db.session.scalar(select(func.count()).select_from(Contact))) == 2


@pytest.mark.parametrize("place", ["", "#switches", "#people"])
def test_whoever_begins_to_type_while_a_page_comes_keeps_the_focus(
    office: Office, sign_in: SignIn, place: str
) -> None:
    page = sign_in("Alice").new_page()
    held: list[Route] = []
    page.route("**/htmx.min.js", lambda route: held.append(route))
    page.goto(f"{office.url}/telephony/settings{place}", wait_until="commit")
    field = page.get_by_label("If this number rang")
    field.focus()
    page.keyboard.type("930 0")
    eventually(page, lambda: held, "the script is on the way")
    held[0].continue_()
    page.wait_for_load_state("load")
    expect(field).to_be_focused()
    page.keyboard.type("00 007")
    expect(field).to_have_value("930 000 007")
