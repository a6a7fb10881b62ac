"""Whatever form is sent twice, by a double click or a held key, adds one record."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from crm_app.accounts.models import User
from crm_app.demo import make_contact, make_lead, make_task
from crm_app.extensions import db
from crm_app.tasks.models import Task
from crm_app.web import sent_forms
from crm_app.web.sent_forms import SentForm
from tests.calls.popup_story import answer, end, ring
from tests.reader import Element, elements_of

# What the house writes for itself: keys of forms, security events, sign-ins, links of invitations
# (each press makes one and ends the one before).
OF_THE_HOUSE = ("sent_form", "security_", "account_link", "browser_session", "visit")
FILLED = {"email": "eva@example.com", "number": "+351930000001", "extension": "", "mobile": ""}
# The row of a write-up is there since the talk has ended; what it adds is the task.
CHOSEN = {"chip": "tomorrow"}
# Texts of these fields would change where the form leads, or what it finds.
LEFT_EMPTY = ("-q", "number", "extension", "due_on", "due_time", "phones-", "emails-", "company")


@pytest.fixture
def pages(app: Flask, alice: User) -> list[str]:
    """The addresses of all pages and boxes, with records behind them."""
    contact = make_contact("Ana", phones=("+351910000042",))
    lead = make_lead("Roof", contact=contact, responsible=alice)
    ring("100")
    answer("100")
    call = end()
    # A ring is taken to be over after a few minutes, a talk is not.
    stranger = ring("100", pbx_call_id="in_2", caller="+351920000000")
    answer("100", "in_2", caller="+351920000000")
    ids = {"contact_id": contact.id, "lead_id": lead.id, "call_id": call.id, "user_id": alice.id}
    ids |= {"task_id": make_task("Write", assignee=alice).id, "stage_id": lead.stage_id}
    adapter = app.url_map.bind("localhost")
    found = [
        adapter.build(rule.endpoint, {name: ids[name] for name in rule.arguments}, method="GET")
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ())
        and rule.arguments <= ids.keys()
        and not rule.endpoint.startswith("health.")
    ]
    return [*found, f"/calls/{stranger.id}"]


def counts() -> dict[str, int]:
    """Count the rows of all tables but the house's own."""
    with db.engine.connect() as connection:
        return {
            table.name: connection.scalar(select(func.count()).select_from(table)) or 0
            for table in db.metadata.sorted_tables
            if not table.name.startswith(OF_THE_HOUSE)
        }


def forms_in(browser: FlaskClient, address: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Give where each form of a page that takes a text is sent to, and filled with what."""
    for headers in ({}, {"HX-Request": "true"}):
        got = browser.get(address, headers=headers)
        if got.mimetype != "text/html" or got.status_code != 200:
            continue
        elements = elements_of(got.text)
        for form in elements:
            inside = [one for one in elements if form in one.parents and one.get("name")]
            if form.get("method") == "post" and any(is_text(one) for one in inside):
                chosen = {
                    one.get("name"): choice_of(one, elements)
                    for one in inside
                    if one.tag == "select"
                }
                yield form.get("action") or address, {**chosen, **dict(filled(inside))}


def is_text(one: Element) -> bool:
    return one.tag == "textarea" or (
        one.tag == "input" and one.get("type") in {"", "text", "email", "search", "tel"}
    )


def choice_of(select_: Element, elements: list[Element]) -> str:
    """Give the value that a list to choose from shows."""
    options = [one for one in elements if one.tag == "option" and select_ in one.parents]
    chosen = [one for one in options if "selected" in one.attributes]
    return [*chosen, *options][0].get("value") if options else ""


def filled(inside: list[Element]) -> Iterator[tuple[str, str]]:
    """Fill a form as somebody does who is in a hurry: one word in every field."""
    for one in inside:
        name = one.get("name")
        kind = one.get("type")
        is_off = kind in {"radio", "checkbox"} and "checked" not in one.attributes
        if any(parent.tag == "template" for parent in one.parents) or is_off:
            continue
        if one.tag == "button" or one.tag == "select":
            continue
        if is_text(one) and not one.get("value") and not name.startswith("value"):
            value = FILLED.get(name, "" if any(s in name for s in LEFT_EMPTY) else "Something")
            yield name, value
        elif name != "value":
            yield name, CHOSEN.get(name, one.get("value"))


def both_at_once(
    app: Flask, user: User, url: str, data: dict[str, str], headers: dict[str, str]
) -> list[int]:
    start = Barrier(2)
    browsers = [app.test_client(user=user) for _ in "12"]
    db.session.commit()

    def send(browser: FlaskClient) -> int:
        start.wait(60)
        return browser.post(url, data=data, headers=headers).status_code

    with ThreadPoolExecutor(2) as pool:
        return [one.result(60) for one in [pool.submit(send, browser) for browser in browsers]]


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["plain", "htmx"])
def test_no_form_adds_two_records_when_it_is_sent_twice_at_once(
    app: Flask,
    alice: User,
    client_of: Callable[[User], FlaskClient],
    pages: list[str],
    headers: dict[str, str],
) -> None:
    browser, seen, doubled, added = client_of(alice), set(), {}, set()
    db.session.refresh(alice)
    for address in pages:
        for url, data in list(forms_in(browser, address)):
            shape = (url.partition("?")[0], frozenset(data))
            if shape in seen or "/settings" in url or url.endswith(("/logout", "/login")):
                continue
            seen.add(shape)
            db.session.commit()
            before = counts()
            codes = both_at_once(app, alice, url, data, headers)
            assert max(codes) < 500, (url, codes)
            more = {name: count - before[name] for name, count in counts().items()}
            grown = {name for name, count in more.items() if count}
            if grown:
                # PostgreSQL goes on counting where the test before ended.
                added.add(re.sub(r"\d+", "N", url))
                # A contact that comes with a lead has its own entry in the journal.
                most = {"journal_entry": len(grown)}
                if any(more[name] > most.get(name, 1) for name in grown):
                    doubled[url] = {name: more[name] for name in grown}
    assert not doubled
    assert {"/contacts/new", "/leads/new", "/tasks/new", "/tasks", "/leads/stages"} <= added
    assert {"/people/new", "/calls/outcomes", "/calls/N/wrapup", "/calls/N/new-lead"} <= added
    assert len(added) > 9


QUICK = {"title": "Call Ana", "due": "today", "form_key": "of this page"}


def titles() -> list[str]:
    return list(db.session.scalars(select(Task.title).order_by(Task.id)))


def test_the_second_of_two_gets_the_answer_of_the_first(
    bob: User, client_of: Callable[[User], FlaskClient]
) -> None:
    browser = client_of(bob)
    typed = {"name": "Ana", "kind": "person", "responsible_id": "", "form_key": "k"}
    first, second = (browser.post("/contacts/new", data=typed) for _ in range(2))
    assert (first.status_code, first.location) == (second.status_code, second.location)
    answers = [browser.post("/tasks", data=QUICK, headers={"HX-Request": "true"}) for _ in "12"]
    assert [one.text.count(">Call Ana</a>") for one in answers] == [1, 1]
    assert titles() == ["Call Ana"]


def test_a_changed_form_is_a_new_record_and_the_same_one_is_not(
    bob: User, carol: User, client_of: Callable[[User], FlaskClient]
) -> None:
    browser = client_of(bob)
    for title in ("Call Ana", "Call Rui", "Call Ana"):
        assert browser.post("/tasks", data={**QUICK, "title": title}).status_code == 303
    assert titles() == ["Call Ana", "Call Rui"]
    # Another page, and another person, mean another task.
    browser.post("/tasks", data={**QUICK, "form_key": "of the next page"})
    client_of(carol).post("/tasks", data=QUICK)
    assert titles() == ["Call Ana", "Call Rui", "Call Ana", "Call Ana"]


def test_a_refused_form_can_be_sent_again(
    bob: User, client_of: Callable[[User], FlaskClient]
) -> None:
    browser = client_of(bob)
    assert browser.post("/tasks", data={**QUICK, "title": " "}).status_code == 422
    assert browser.post("/tasks", data=QUICK).status_code == 303
    assert titles() == ["Call Ana"]


def test_what_was_undone_is_added_again(
    bob: User, client_of: Callable[[User], FlaskClient]
) -> None:
    browser = client_of(bob)
    browser.post("/tasks", data=QUICK)
    task = db.session.scalars(select(Task)).one()
    browser.post(f"/tasks/{task.id}/delete")
    browser.post("/tasks", data=QUICK)
    alive = select(Task.title).where(Task.deleted_at.is_(None))
    assert db.session.scalars(alive).all() == ["Call Ana"]


def test_keys_of_forms_are_forgotten_after_two_days(
    bob: User, client_of: Callable[[User], FlaskClient]
) -> None:
    now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    with time_machine.travel(now, tick=False) as traveller:
        client_of(bob).post("/tasks", data=QUICK)
        traveller.move_to(now + timedelta(days=2))
        sent_forms.purge()
        assert db.session.scalars(select(SentForm)).all()
        traveller.move_to(now + timedelta(days=2, seconds=1))
        sent_forms.purge()
        assert db.session.scalars(select(SentForm)).all() == []
        db.session.commit()
