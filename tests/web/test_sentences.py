"""What people typed stands inside our sentences, titles and labels without turning them round."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from flask.testing import FlaskClient

from crm_app.accounts.models import User
from crm_app.demo import make_contact, make_task
from crm_app.extensions import db
from crm_app.tasks.models import Task
from tests.reader import elements_of

TURNED = "Ana\u202egnp.exe"
HEBREW = "שלום"
APART = f"\u2068{HEBREW}\u2069"
FAMILY = "👩\u200d👩\u200d👧 می\u200cخواهم"
TURNS = re.compile("[\u202a-\u202e\u2066\u2067]")
HTMX = {"HX-Request": "true"}


def toast_of(page: str) -> str:
    return next(one.text for one in elements_of(page) if "toast-body" in one.get("class"))


@pytest.fixture
def browser(bob: User, client_of: Callable[[User], FlaskClient]) -> FlaskClient:
    return client_of(bob)


def test_a_name_of_long_ago_turns_no_toast_round(browser: FlaskClient, bob: User) -> None:
    contact = make_contact("Ana", responsible=bob)
    contact.name = TURNED
    db.session.commit()
    browser.post(f"/contacts/{contact.id}/delete")
    toast = toast_of(browser.get("/contacts").text)
    assert toast.startswith("Anagnp.exe is in the bin.")
    assert not TURNS.search(toast)


def test_a_name_from_right_to_left_is_kept_apart_in_toasts_titles_and_labels(
    browser: FlaskClient, bob: User
) -> None:
    contact = make_contact(HEBREW, responsible=bob, phones=("912345678",))
    task = make_task(HEBREW, assignee=bob)
    page = browser.get(f"/contacts/{contact.id}").text
    elements = elements_of(page)
    assert next(one for one in elements if one.tag == "title").text == f"{APART} · Ramal"
    label = next(one.get("aria-label") for one in elements if one.get("data-call-number"))
    assert label.startswith(f"Call \u2068{HEBREW}")
    done = browser.post(f"/tasks/{task.id}/complete", headers=HTMX).text
    assert toast_of(done).startswith(f"Done: {APART}")
    # The name itself, in its own place, is as it was typed.
    assert f">{HEBREW}</h1>" in page


def test_signs_that_turn_text_are_not_taken_in_and_those_that_join_it_are(
    browser: FlaskClient,
) -> None:
    for title in (TURNED, FAMILY):
        assert browser.post("/tasks", data={"title": title}).status_code == 303
    titles = db.session.scalars(db.select(Task.title).order_by(Task.id)).all()
    assert titles == ["Anagnp.exe", FAMILY]
    assert FAMILY in unescape(browser.get("/tasks").text)


def test_an_ordinary_name_stands_in_a_sentence_as_it_is(browser: FlaskClient, bob: User) -> None:
    contact = make_contact("João d'Ávila & Cª", responsible=bob)
    browser.post(f"/contacts/{contact.id}/delete")
    toast = toast_of(browser.get("/contacts").text)
    assert unescape(toast).startswith("João d'Ávila & Cª is in the bin.")
