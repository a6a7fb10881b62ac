"""Somebody in a hurry clicks twice, or holds Enter down."""

from playwright.sync_api import expect
from sqlalchemy import select

from crm_app.extensions import db
from crm_app.tasks.models import Task
from tests.browser.conftest import SignIn
from tests.browser.office import Office


def titles(office: Office) -> list[str]:
    return office.do(lambda: list(db.session.scalars(select(Task.title).order_by(Task.id))))


def test_the_quick_line_makes_one_task_of_a_double_click_and_of_a_held_enter(
    office: Office, sign_in: SignIn
) -> None:
    page = sign_in("Bob").new_page()
    page.goto(f"{office.url}/tasks")
    line = page.get_by_label("Add a task…")
    line.fill("Call Ana")
    page.locator(".task-quick [type=submit]").dblclick()
    expect(page.get_by_role("link", name="Call Ana")).to_have_count(1)
    line.fill("Call Rui")
    line.focus()
    for _press in range(5):
        page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    expect(page.get_by_role("link", name="Call Rui")).to_have_count(1)
    page.reload()
    assert titles(office) == ["Call Ana", "Call Rui"]


def test_a_form_that_scripts_send_twice_at_once_makes_one_task(
    office: Office, sign_in: SignIn
) -> None:
    page = sign_in("Bob").new_page()
    page.goto(f"{office.url}/tasks/new")
    page.fill("#title", "Call Ana")
    answers = page.locator("form.task-form").evaluate(
        """(form) => Promise.all([1, 2, 3].map(() => fetch(form.action, {
            method: "POST", body: new URLSearchParams(new FormData(form)),
        }).then((answer) => answer.status)))"""
    )
    assert answers == [200, 200, 200]
    assert titles(office) == ["Call Ana"]
